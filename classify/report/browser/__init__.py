"""What moves in a report: pictures of errors to filter and enlarge, and a threshold to try.

answers     each model's answer for each image, as JSON for the page
curves      counts at every threshold, as JSON for the page
gallery     pictures of a data set's images, made once and stored
pictures    which pictures the page holds, and what it says about each
view        the variables of the templates
"""
