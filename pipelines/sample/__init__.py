"""A small set of real and generated images, made on this machine.

make        the job
generators  two small generative models
"""
