"""Vectors and tables of images on disk.

features    `Features`: X, y and a row of facts for each image
cache       vectors by the sha256 of the image file
joined      several sets of the same images side by side
units       images that stay on one side of every split
thumbnails  thumbnails that find near-duplicates
"""
