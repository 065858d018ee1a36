"""The audit: what in a data set would inflate a score.

audit       the job, and the table of checks
findings    what a check looks at, and what it returns
shortcuts   classes told by file metadata or by simple measures of pixels
measures    those measures of pixels
properties  single properties that differ between classes
names       names and dates of files that give the class away
looks       thumbnails, colours and spectra of a set
leaks       copies across sets and classes
coverage    content that only one class has
doubts      labels that may be wrong
figures     the figures
page        the page
"""
