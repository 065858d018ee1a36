import torch

from pipelines.sample import generators


def test_training_lowers_the_loss_of_every_generator(monkeypatch):
    monkeypatch.setattr(generators, "BATCH", 4)
    colours = torch.rand((8, 3, 1, 1), generator=torch.Generator().manual_seed(0)) * 2 - 1
    images = colours.expand(8, 3, 32, 32)
    generator = torch.Generator().manual_seed(0)
    for name in generators.GENERATORS:
        losses = [
            generators.train(name, images, steps, generator, lambda message: None).loss(images, generator).item()
            for steps in (1, 100)
        ]
        assert losses[1] < 0.8 * losses[0], name


def test_generated_images_have_the_size_of_their_crops():
    a, b = torch.rand((2, 3, 3, 48, 48)) * 2 - 1
    for build in generators.GENERATORS.values():
        images = generators.generate(build(), a, b, torch.Generator().manual_seed(0))
        assert [image.shape for image in images] == [(48, 48, 3)] * 3
        assert all(image.dtype == "uint8" for image in images)
