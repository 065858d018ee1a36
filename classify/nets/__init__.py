"""Neural networks: architectures, training, and the pixels that they read.

zoo                the table of networks: LeNet-5, the CNNs, fine-tuned backbones
classifier         a network as a scikit-learn classifier
recipe             every choice of a training but the data and the seed
training           the training loop
rates              learning rates
checkpoint         the state of a training on disk
finetuned          a pretrained backbone under a new head
activations        outputs of a frozen part, computed once
pixels             images as arrays, in memory or read by workers
augment            random variants of training images
jpeg_augmentation  JPEG compression of a batch on its device
"""
