"""Which pixels moved a score.

explain     the job: maps, checks and neighbours of some images
visible     how a model sees an image
gradients   the decision of a classical model as a gradient
cams        class activation maps of networks
occlusion   covering parts of an image, the check on every map
overlay     image and map as one picture
neighbours  the most similar training images
page        the page
"""
