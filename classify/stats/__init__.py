"""Numbers, and no sentences: scores, intervals, tests and calibration.

scores       the table of scores: accuracy, ROC AUC, ...
intervals    95 % intervals of scores, the ROC AUC included
effective    how many independent images a grouped set is worth
tables       scores of sets and folds as tables
selection    which validation scores may be ranked together
chance       whether a score is better than chance
calibration  scores -> probabilities
reliability  whether probabilities are right
abstention   when a model answers "unsure"
paired       tests of two models on the same images
differences  every pair of models: tests and intervals
drift        whether a set is unlike the training images, from scores
novelty      whether an image is unlike the training images, from features
evaluation   `Evaluation`: every number of a report, computed once
"""
