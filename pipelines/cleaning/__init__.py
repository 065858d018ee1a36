"""Cleaned and normalised copies of a folder of images.

prepare       the job: raw downloads -> clean images
rules         the table of rules
judgement     the judgement of a rule on an image
screens       screenshots, blanks and blurred placeholders
marks         marks in a corner
sheets        sheets of 2 x 2 pictures
crops         cutting a file without re-encoding more than needed
keepers       which of several copies to keep
record        what was done to each file
normalise     the job: every image in one form
before_after  how well files and pixels predict the class, before and after
"""
