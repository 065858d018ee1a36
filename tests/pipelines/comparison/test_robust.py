import pytest

from classify.trained import persist
from classify.trained.predict import predict_images
from featex.errors import InputError
from featex.system.progress import Progress
from pipelines.comparison.compare import Comparison, compare


class Listener(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def run(data, tmp_path, weights_file, artifacts):
    def run(**options):
        listener = Listener()
        chosen = {"n_folds": 3, "trials": 1, "audited": False, **options}
        comparison = Comparison(only=["svm"], recipe="robust", **chosen)
        page = compare(data, comparison, weights=weights_file, device="cpu", artifacts=artifacts, progress=listener)
        return (
            page.page.read_text(),
            listener.lines,
            {p.name: p for p in persist.passports(tmp_path / "artifacts/models")},
        )

    return run


def test_the_robust_recipe_stands_beside_the_default_and_can_be_asked_about_an_image(run, data, tmp_path, weights_file):
    page, _, passports = run()
    robust, usual = passports["svm-robust-images"], passports["svm-images"]
    assert usual.extractor["n_features"] == 512
    assert len(robust.extractor["parts"]) == 2
    assert robust.copies == 1
    assert robust.cv.folds in ("content", "random")
    assert robust.data.images == usual.data.images
    for words in (
        "svm-robust uses the recipe robust",
        "5 squares at full resolution",
        "varied copy",
        "cross-validation score",
    ):
        assert words in page
    assert "svm-robust-images: done before" in run()[1]
    model = persist.load(tmp_path / "artifacts/models/svm-robust-images")
    table, failed = predict_images(
        model, [data / "wild"], cache=tmp_path / "artifacts/features", weights=weights_file, device="cpu"
    )
    assert len(table) == 6
    assert failed.empty


@pytest.mark.long  # 9 s; which folds a recipe takes is tested in test_scheme.py too
def test_sources_are_held_out_where_there_are_several(run, data, write_images):
    for label, tint in (("ai", 0), ("real", 120)):
        for seed, source in enumerate(("one", "two")):
            write_images(data / "train" / label / source, 24, tint=tint, seed=seed + 20)
        for path in (data / "train" / label).glob("*.jpg"):
            path.unlink()
    _, _, passports = run()
    assert passports["svm-robust-images"].cv.folds == "source"
    assert passports["svm-robust-images"].cv.n_folds == 2


def test_an_unknown_recipe_is_refused_before_any_work(data, tmp_path, artifacts):
    with pytest.raises(InputError, match="robust"):
        compare(data, Comparison(recipe="sturdy"), artifacts=artifacts)
    assert not (tmp_path / "artifacts").exists()
