"""The report: numbers of an `Evaluation` as sentences, tables and figures.

write                the page and its files
summary              the report in a few lines, for a terminal and as a record
verdict              the first screen: which model, and what it can do
matrix               differences between models at a glance
notices              warnings before any number
protocol             pairs of models, abstention, out of distribution and hindsight
sentences            numbers of statistics in words
differences          differences of models in words
score_tables         tables of scores
figures              ROC, confusion matrix and the other figures
figures_reliability  the reliability diagram
published            numbers of a published study beside ours
cards                a model card for each model
provenance           data, code and machine behind a result
"""
