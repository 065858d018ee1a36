"""The audit: what in a set of images could make scores too high.

audit       the job, and the table of checks
findings    what a check looks at, and what it returns
shortcuts   how well file metadata and simple measures of pixels predict the class
measures    those measures of pixels
properties  single properties that differ between classes
originals   the files that a normalised copy was made from
names       file names and dates that predict the class
appearance  thumbnails, colours and spectra of images
leaks       copies across sets and classes
coverage    content that only one class has
label_errors  labels that predictions contradict
figures     the figures of what images look like
shortcut_figure  the figure of the first screen
page        the page
"""
