import pytest

from featex.datasets.meanings import class_in, is_numbered, left_out, set_and_rest, sets_of, side, split_name

SPELLINGS = {
    "train": "train Training TRAIN_SET train2017 dataset_train trainval entrenamiento \u8bad\u7ec3\u96c6 Treino",
    "val": "validate validaci\u00f3n VALID val Validation_set dev val2017 valid_images",
    "test": "prueba \u6d4b\u8bd5\u96c6 test Testing-Images held_out Held-out_test holdout evalData",
    "": "train_augmented test_v2 train_test_split bus contest value trainer",
}


@pytest.mark.parametrize("split", SPELLINGS)
def test_usual_spellings_are_sets_and_other_words_none(split):
    names = SPELLINGS[split].split()
    assert {split_name(name) for name in [*names, *(name.replace("_", " ") for name in names)]} == {split}


@pytest.mark.parametrize(
    ("name", "split", "text"),
    [
        ("train_Real", "train", "Real"),
        ("testB", "test", "B"),
        ("fake-val", "val", "fake"),
        ("training fake", "train", "fake"),
    ],
)
def test_a_name_of_a_set_and_a_class_holds_both(name, split, text):
    assert (set_and_rest(name)[0], class_in(name)) == (split, text)


def test_sets_beside_each_other_are_known_by_what_they_do_not_share():
    assert sets_of(["seg_train", "seg_test", "seg_pred"]) == {"seg_train": "train", "seg_test": "test"}
    assert sets_of(["train", "train_big", "test"]) == {"train": "train", "train_big": "train", "test": "test"}
    assert sets_of(["test", "test_noisy"]) == {"test": "test", "test_noisy": "test_noisy"}
    assert sets_of(["Training", "PrivateTest"]) == {"Training": "train", "PrivateTest": "test"}
    assert sets_of(["cats", "dogs"]) == {}


SIDES = {
    "real": "0_real REAL nature original_sequences RealArt training_real Real_Images human",
    "generated": "1_fake Fake ai AiArtData manipulated_sequences AI-generated deepfakes GAN",
    "": "real_esrgan imagenet_ai_0508_adm real_and_fake_face baroque AI_LD_baroque images 0",
}


@pytest.mark.parametrize("kind", SIDES)
def test_names_stand_for_real_or_generated_images_where_they_say_nothing_else(kind):
    assert {side(name) for name in SIDES[kind].split()} == {kind}


def test_numbered_parts_and_what_systems_leave_are_known_by_name():
    assert all(map(is_numbered, ("fold_0", "part-000001", "Shard3", "chunk 2", "part-1-of-3")))
    assert not any(map(is_numbered, ("0", "00001", "part", "fold_in", "cv")))
    assert all(map(left_out, (".git", "._1.jpg", "@eaDir", "Thumbs.db", "__MACOSX", "System Volume Information")))
    assert not any(map(left_out, ("1.jpg", "_1.jpg", "recycling", "lost")))
