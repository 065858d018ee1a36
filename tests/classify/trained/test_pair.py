import pytest

from classify.errors import ModelError
from classify.predictions import Predictions
from classify.trained import persist
from classify.trained.pair import keep_pair, read_kept
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError


@pytest.fixture
def keep(make_features, tmp_path):
    """Return a function that tunes a model of a seed and keeps it with its predictions, which it returns."""

    def keep(seed: int) -> Predictions:
        tuned = tune(plan("logreg", make_features(), trials=1, n_folds=3, seed=seed))
        keep_pair(tuned.model, tuned.predictions, tmp_path / "models", tmp_path / "predictions")
        return tuned.predictions

    return keep


def kept(tmp_path) -> tuple[int, Predictions]:
    (passport,) = persist.passports(tmp_path / "models")
    return passport.seed, read_kept(passport, tmp_path / "predictions")


def test_a_model_and_its_predictions_come_back_together(keep, tmp_path):
    said = keep(0)
    assert kept(tmp_path)[1].table.equals(said.table)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["logreg-toy.csv"]


@pytest.mark.parametrize("killed", ["before the model", "after the model"])
def test_a_kill_between_model_and_predictions_leaves_a_pair(keep, tmp_path, monkeypatch, killed):
    before, save = keep(0), persist.save

    def die(*given):
        if killed == "after the model":
            save(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(persist, "save", die)
    with pytest.raises(KeyboardInterrupt):
        keep(1)
    seed, said = kept(tmp_path)
    assert seed == (1 if killed == "after the model" else 0)
    assert said.table.equals(before.table) == (seed == 0)
    monkeypatch.setattr(persist, "save", save)
    after = keep(1)
    assert kept(tmp_path)[0] == 1
    assert kept(tmp_path)[1].table.equals(after.table)


def test_other_predictions_than_the_model_s_are_refused_with_their_file(keep, tmp_path):
    keep(0)
    path = tmp_path / "predictions" / "logreg-toy.csv"
    path.write_text(path.read_text().replace("real", "ai", 1))
    with pytest.raises(ModelError, match=r"logreg-toy.csv does not hold"):
        kept(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="are missing"):
        kept(tmp_path)
    assert len(persist.passports(tmp_path / "models")[0].predictions_sha256) == 64
