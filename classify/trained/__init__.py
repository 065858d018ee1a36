"""What has been trained: a model with its passport, on disk and in use.

passport    the record of what a model is and how it was made
model       a fitted estimator with its passport
inputs      what a model reads: features, pixels, file metadata, predictions
estimators  estimators on disk
persist     writing a model to disk and reading it
pair        a model and its predictions, written together
predict     images through a trained model
adaptation  a model on images from another source
alignment   statistics of a source that features are aligned by
ensemble    several models as one
summary     a model's scores and answers, as a command says them at its end
imported    scores of other detectors as a model
"""
