from dataclasses import replace

import pytest
from torch import nn

from classify.nets.rates import optimizer_of, rate_factor, set_rates
from classify.nets.recipe import NetRecipe

RECIPE = NetRecipe(32, max_epochs=10, batch_size=8, lr=0.01, weight_decay=0.1)


def epochs(*losses):
    return [{"train_loss": 9.0, "valid_loss": loss} for loss in losses]


def test_a_constant_rate_stays():
    assert [rate_factor(RECIPE, [], at) for at in (0, 5, 9.9)] == [1, 1, 1]


def test_a_warm_up_rises_evenly_from_nearly_nothing():
    recipe = replace(RECIPE, warmup_epochs=2)
    assert rate_factor(recipe, [], 0) == pytest.approx(0, abs=0.01)
    assert rate_factor(recipe, [], 1) == pytest.approx(0.5, abs=0.01)
    assert rate_factor(recipe, [], 2) == 1


def test_a_cosine_falls_from_one_after_the_warm_up_to_nothing_at_the_end():
    recipe = replace(RECIPE, warmup_epochs=2, schedule="cosine")
    assert rate_factor(recipe, [], 2) == 1
    assert rate_factor(recipe, [], 6) == pytest.approx(0.5)
    assert rate_factor(recipe, [], 10) == pytest.approx(0)


def test_a_plateau_divides_by_ten_after_three_epochs_without_a_better_loss_and_counts_anew():
    recipe = replace(RECIPE, schedule="plateau")
    assert rate_factor(recipe, epochs(3, 2, 2.5, 2.5), 4) == 1
    assert rate_factor(recipe, epochs(3, 2, 2.5, 2.5, 2.1), 5) == pytest.approx(0.1)
    assert rate_factor(recipe, epochs(3, 2, 2.5, 2.5, 2.1, 2.1, 2.1), 7) == pytest.approx(0.1)
    assert rate_factor(recipe, epochs(3, 2, 2.5, 2.5, 2.1, 2.1, 2.1, 2.1), 8) == pytest.approx(0.01)
    assert rate_factor(recipe, epochs(3, 2, 2.5, 2.5, 1.9, 2, 2), 7) == 1


def test_without_validation_a_plateau_is_one_of_the_training_loss():
    recipe = replace(RECIPE, schedule="plateau")
    history = [{"train_loss": 1.0, "valid_loss": None}] * 4
    assert rate_factor(recipe, history, 4) == pytest.approx(0.1)


def test_weights_decay_and_biases_do_not():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    optimizer = optimizer_of(module, RECIPE)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in module.named_parameters()} == {
        "0.weight": 0.1, "0.bias": 0, "1.weight": 0, "1.bias": 0,
    }  # fmt: skip


class Pretrained(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(2, 2), nn.Linear(2, 2)

    def parameter_groups(self, lr, body_lr):
        yield from ((lr, p) for p in self.head.parameters())
        yield from ((body_lr, p) for p in self.body.parameters())


def test_each_part_is_moved_at_its_own_rate_times_the_factor():
    module = Pretrained()
    recipe = replace(RECIPE, body_lr=0.001, schedule="cosine")
    optimizer = optimizer_of(module, recipe)
    set_rates(optimizer, recipe, [], 5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates[id(module.head.weight)] == pytest.approx(0.005)
    assert rates[id(module.body.weight)] == rates[id(module.body.bias)] == pytest.approx(0.0005)
