"""Cleaned and normalised copies of a folder of images.

prepare       the job: raw downloads -> clean images
rules         the table of rules
judgement     what a rule says of an image
screens       screenshots, blanks and blurred placeholders
marks         marks in a corner
sheets        sheets of 2 x 2 pictures
crops         cutting a file without re-encoding more than needed
keepers       which of several copies stays
record        what was done to each file
normalise     the job: every file stored alike
before_after  how well files tell the classes, before and after
"""
