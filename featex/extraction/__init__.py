"""The whole way from a folder of images to features on disk.

extract      the job: find images, compute, store
embed        vectors of many images: ask the cache, compute the rest, keep the order
extractor    a backbone with its weights on a device
joined       several views as one extractor
recipes      named choices of features
transformer  extraction as a step of a scikit-learn pipeline
bench        the speed of each stage on this machine
"""
