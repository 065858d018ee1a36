"""Which images train and which test.

partition       training rows and test rows of a set
folds           folds at random, by source or by content
scheme          the choice of folds and weights for a job
sample_weights  weights by source or by content, and varied copies
content         features that show what a picture shows
"""
