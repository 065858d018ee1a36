"""Training on some sources of images and testing on others.

transfer          the job: train on one source, test on each other
crossing          which images of each source train and which test
transfer_page     its page
transfer_figures  its figure
travel            which features, training and model generalise to other sources
travel_page       its page
"""
