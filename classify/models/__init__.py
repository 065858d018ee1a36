"""What can be trained: every model by name, and the classical ones.

registry    the table of models
svm         the RBF SVM and its distances
scaling     scaling of joined feature sets, each by itself
tiles       a classifier of images in tiles
file_facts  file metadata as a matrix, for the metadata-only baseline
combine     how an ensemble combines predictions
"""
