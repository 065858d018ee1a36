"""Training on some sources of images and testing on others.

transfer          the job: train on one source, test on each other
crossing          which sources train and which judge
transfer_page     its page
transfer_figures  its figure
travel            the study of features that hold on other sources
travel_page       its page
"""
