from pathlib import Path

import pytest

from featex.errors import InputError
from pipelines.comparison.study_files import load_study, read_study, study_names


def test_every_study_that_comes_along_can_be_read_and_says_what_it_is():
    assert len(study_names()) == 5
    for study in map(load_study, study_names()):
        for text in (study.title, study.about, study.source, study.data_name, study.layout, study.where):
            assert text.strip() == text != ""
        assert all(note.endswith(".") for note in study.notes)


def test_an_unknown_study_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"unknown study 'cifake-cn'; did you mean 'cifake-cnn'\?"):
        load_study("cifake-cn")


def test_a_file_that_ends_in_toml_is_a_study_of_ones_own(study_file):
    study = load_study(study_file())
    assert (study.name, study.sets, study.classes) == ("small", ("train", "test"), ("ai", "real"))
    assert study.models == {"svm": {"trials": 1}, "lenet5": {"lr": 0.002, "max_epochs": 1}}
    assert study.published == ({"model": "svm", "set": "test", "called": "test", "value": 80, "n": 60},)


def test_what_may_be_left_out_may_be_left_out(study_file):
    text = Path(study_file()).read_text()
    for line in (
        "folds = 2\n",
        'notes = ["Mind the gap."]\n',
        'sets = ["train", "test"]\n',
        'classes = ["ai", "real"]\n',
    ):
        text = text.replace(line, "")
    study = read_study(Path(study_file(text=text[: text.index("[[published]]")])))
    assert (study.folds, study.notes, study.sets, study.classes, study.published) == (None, (), (), (), ())


def test_a_class_may_have_several_patterns(study_file):
    patterns = '[options.classes]\nai = ["AI_*", "fake"]\nreal = "*"\n[models.svm]'
    study = load_study(study_file("[models.svm]", patterns))
    assert study.options == {"classes": [("ai", "AI_*"), ("ai", "fake"), ("real", "*")]}


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("folds = 2", "folsd = 2", "unknown key 'folsd'; did you mean 'folds'?"),
        ("where =", "were =", "unknown key 'data.were'; did you mean 'data.where'?"),
        ("[models.svm]", "[options]\nlabel = 'a.csv'\n[models.svm]", "unknown key 'options.label'"),
        ('called = "test"', 'caled = "test"', "unknown key 'published.caled'; did you mean 'published.called'?"),
        ("[models.svm]", "[models.smv]", "unknown model 'smv'; did you mean 'svm'?"),
        ("lr = 0.002", "rl = 0.002", "unknown setting of lenet5 'rl'"),
        ("trials = 1", "lr = 0.1", "unknown setting of svm 'lr'"),
        ('model = "svm"', 'model = "cnn"', "it has a number of 'cnn', which it does not run; it runs svm, lenet5"),
        ('set = "test"', 'set = "tset"', "unknown published.set 'tset'; did you mean 'test'?"),
        ("value = 80", "value = 800", "published.value of svm is 800; give percent, 0 to 100"),
        ("value = 80", "value = true", "published.value must be a number; it is True"),
        ("n = 60", "n = 0", "published.n of svm is 0; leave it out where it is not known"),
        ("n = 60", "n = 6.5", "published.n must be a whole number; it is 6.5"),
        ('title = "A study"\n', "", "it has no title"),
        ('layout = "train/ai, train/real"\n', "", "it has no data.layout"),
        ('called = "test"\n', "", "it has no published.called"),
        ("folds = 2", "folds = 1", "folds must be 2 or more; it is 1"),
        ('["Mind the gap."]', "[1]", "notes must be a list of texts; it is [1]"),
        ('["ai", "real"]', "[1]", "data.classes must be a list of texts; it is [1]"),
        ("[models.svm]\ntrials = 1", "[models]\nsvm = 1", "models.svm must be a table; it is 1"),
        ("[models.svm]", "[options.classes]\nai = 1\n[models.svm]", "options.classes.ai must be a text or a list of"),
        ("[models.svm]\ntrials = 1", "", "it has a number of 'svm'"),
        ("trials = 1", 'trials = "1"', "models.svm.trials must be a whole number; it is '1'"),
        ("lr = 0.002", 'lr = "quick"', "lr takes a number, not 'quick'"),
        ("lr = 0.002", "augment = 3", "models.lenet5.augment cannot be 3"),
        ("max_epochs = 1", "max_epochs = 1.5", "max_epochs takes a whole number, not '1.5'"),
        ("[[published]]", "[published]", "published must be a list"),
        ("folds = 2", "folds == 2", "is no study: "),
    ],
)
def test_a_file_that_says_what_no_study_can_is_refused_by_name(study_file, before, after, complaint):
    path = study_file(before, after)
    with pytest.raises(InputError) as error:
        load_study(path)
    assert str(error.value).startswith(path)
    assert complaint in str(error.value)


def test_a_file_that_is_not_there_is_a_sentence():
    with pytest.raises(InputError, match=r"cannot read the study 'gone\.toml': No such file"):
        load_study("gone.toml")


def test_a_study_without_a_model_is_refused(study_file):
    text = Path(study_file()).read_text()
    start = text.index("[models.svm]")
    with pytest.raises(InputError, match="it has no model"):
        load_study(study_file(text=text[:start] + "[models]\n"))
