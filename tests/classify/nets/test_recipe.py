from dataclasses import fields

import pytest

from classify.errors import ModelError
from classify.nets.recipe import NetRecipe, parse_setting
from featex.errors import InputError

RECIPE = NetRecipe(32, max_epochs=10, batch_size=8)


def test_what_is_not_wished_for_stays():
    assert RECIPE.changed(lr=0.5, patience=None, train=None) == NetRecipe(32, max_epochs=10, batch_size=8, lr=0.5)


@pytest.mark.parametrize(
    ("wish", "error", "sentence"),
    [
        ({"schedule": "cosin"}, InputError, "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"balance": "weight"}, InputError, "did you mean 'weights'"),
        ({"augment": "flip"}, InputError, "did you mean 'flips'"),
        ({"head": "none"}, InputError, "unknown head 'none'"),
        ({"view": "zoom"}, InputError, "unknown view 'zoom'"),
        ({"max_epochs": 0}, ModelError, "max_epochs is 0; take 1 or more"),
        ({"patience": 0}, ModelError, "patience is 0; take 1 or more"),
        ({"lr": 0.0}, ModelError, r"lr is 0\.0; take more than 0"),
        ({"lr": float("nan")}, ModelError, "lr is nan"),
        ({"weight_decay": -1.0}, ModelError, "weight_decay is -1.0; take 0 or more"),
        ({"label_smoothing": 1.0}, ModelError, "label_smoothing is 1.0; take 0 or more, and less than 1"),
        ({"train": "last"}, ModelError, "cannot train 'last'; take head, all, or last:N such as last:1"),
        ({"train": "last:0"}, ModelError, "cannot train 'last:0'"),
        ({"train": "last:-1"}, ModelError, "cannot train 'last:-1'"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(wish, error, sentence):
    with pytest.raises(error, match=sentence):
        RECIPE.changed(**wish)


@pytest.mark.parametrize(("train", "n"), [("head", 0), ("last:1", 1), ("last:10", 10), ("all", None)])
def test_how_many_layers_are_trained(train, n):
    assert RECIPE.changed(train=train).n_last == n


def test_settings_are_read_as_what_they_are():
    assert parse_setting("lr=1e-3") == ("lr", 0.001)
    assert parse_setting("patience=4") == ("patience", 4)
    assert parse_setting("head=linear") == ("head", "linear")
    for field in fields(NetRecipe):
        assert parse_setting(f"{field.name}=7")[1] in (7, "7")


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("lr", ModelError, "write NAME=VALUE"),
        ("learning_rate=1", InputError, "unknown setting 'learning_rate'"),
        ("patience=1.5", ModelError, "patience takes a whole number, not '1.5'"),
        ("lr=fast", ModelError, "lr takes a number, not 'fast'"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused(text, error, sentence):
    with pytest.raises(error, match=sentence):
        parse_setting(text)
