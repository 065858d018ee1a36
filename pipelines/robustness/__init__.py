"""The stress test: models on re-encoded, resized, blurred and noisy images.

stress      the job
conditions  the table of conditions
readers     how each model reads changed images
predict     predictions under conditions
tables      numbers: fragility and bias
sentences   the numbers in words
figures     the figures
page        the page
"""
