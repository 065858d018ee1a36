"""What all HTML pages and figures share.

html      the look of every page, and how a page is written
attached  files of a page that travel with it
sections  sentences, tables and pictures, each with its files
codes     stable ids of findings and warnings, and their texts
drawing   the look of every figure
vector    figures as SVG in a page, in light and dark colours
words     numbers in words
"""
