import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.pages.codes import CODES
from featex.errors import InputError
from featex.extraction.extract import extract
from featex.extraction.recipes import FeatureRecipe
from featex.network.views import View
from featex.system.progress import Progress
from pipelines import cli
from pipelines.auditing.audit import CHECKS, audit
from pipelines.auditing.findings import LEVELS


@pytest.fixture
def run(data, tmp_path, weights_file, with_vectors, artifacts):
    with_vectors(tmp_path / "artifacts/features")

    def run(target=data, **options):
        options = {"weights": weights_file, "device": "cpu", "only": ("shortcuts", "leaks", "balance"), **options}
        return audit(target, artifacts=artifacts, **options)

    return run


def as_png(data, label="ai"):
    for path in data.glob(f"*/{label}/*.jpg"):
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()


def test_every_check_copes_with_a_small_folder_and_stands_on_the_page(run, data):
    (data / "train/ai/000.jpg").write_bytes(b"no image")
    done = run(only=())
    assert {one.check for one in done.findings} == set(CHECKS)
    assert {one.level for one in done.findings} <= set(LEVELS)
    assert all(one.id in CODES for one in done.findings)
    page = done.page.read_text()
    assert all(check.title in page for check in CHECKS.values())
    assert "train/ai/000.jpg" in page or "1 file" in page
    assert "not checked" in page
    assert "SynthID" in page


def test_a_planted_format_is_named_first_and_shuts_the_gate(run, data):
    as_png(data)
    done = run(only=("shortcuts",))
    assert 0.5 < done.shortcut < 1
    assert done.findings[0].value == 1
    headline, line, *_ = done.lines()
    assert "critical" in headline
    assert "a model can read the class from the file format" in headline
    assert line.startswith("FX101 critical")
    assert "format “PNG” in 100.0 % of ai, 0.0 % of real" in line


def test_a_copy_of_train_in_test_is_found(run, data):
    Image.open(data / "train/ai/001.jpg").save(data / "test/ai/copy.jpg", quality=70)
    done = run(only=("leaks",))
    (found,) = [one for one in done.findings if (one.id, one.of) == ("FX201", "test")]
    assert found.value == pytest.approx(1 / 9)
    pairs = pd.read_csv(done.page.with_name(f"{found.tables[0].name}.csv"))
    assert "test/ai/copy.jpg" in pairs.to_string()


def test_a_set_is_audited_again_without_opening_an_image(run, data, monkeypatch):
    first = run()
    for path in data.rglob("*.jpg"):
        path.write_bytes(b"")
    again = run("images")
    assert [one.sentence for one in again.findings] == [one.sentence for one in first.findings]
    assert again.page == first.page


def test_an_audit_of_some_checks_leaves_the_full_one_in_its_place(run):
    full = run(only=()).page
    before = full.read_text()
    part = run(only=("balance",)).page
    assert full.read_text() == before
    assert part.parent == full.parent.with_name("images-only-balance")
    assert "Audit of images (balance only)" in part.read_text()


def test_options_of_a_folder_are_refused_beside_a_set(run, data):
    run(only=("balance",))
    with pytest.raises(InputError, match="leave out layout and classes"):
        run(data.name, labels=None, layout="class", classes=[("a", "*")])


def test_only_the_checks_that_are_asked_for_are_made(run):
    done = run(only=("balance",))
    assert {one.check for one in done.findings} == {"balance"}
    assert np.isnan(done.shortcut)
    with pytest.raises(InputError, match="unknown check 'leak'; did you mean 'leaks'"):
        run(only=("leak",))


def test_of_sets_of_one_name_that_which_sees_content_is_audited(run, data, tmp_path, weights_file):
    run(only=("balance",))
    extract(
        data,
        tmp_path / "artifacts/features",
        recipe=FeatureRecipe("signals", (View("crop", inputs=("spectrum",)),)),
        device="cpu",
    )
    assert "weights none" not in run(None, only=("balance",)).page.read_text()
    signals = next((tmp_path / "artifacts/features").glob("signals-*")).name
    assert "weights none" in run(f"{signals}/images", only=("balance",)).page.read_text()


def test_neither_a_folder_nor_a_set_is_refused(run):
    run(only=("balance",))
    with pytest.raises(InputError, match="'gone' is no folder, and no set 'gone'"):
        run("gone")


def test_untrained_features_are_called_so_on_the_page(run, tmp_path):
    assert "UNTRAINED" not in run(only=("balance",)).page.read_text()
    (file,) = (tmp_path / "artifacts/features").glob("*/extractor.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "trained": False}))
    assert "UNTRAINED" in run("images", only=("balance",)).page.read_text()


def test_seconds_of_every_check_are_told(run):
    lines = []

    class Listener(Progress):
        def say(self, line):
            lines.append(line)

    run(progress=Listener(), only=("leaks", "balance"))
    assert [line.split(":")[0] for line in lines[-2:]] == ["leaks", "balance"]


def test_the_command_prints_a_verdict_and_fails_above_the_gate(data, run_command, weights_file):
    command = ("audit", data, "--only", "shortcuts", "--weights", weights_file, "--device", "cpu")
    code, out, err = run_command(cli, *command, "--fail-above", "0.5")
    assert (code, "Page: " in out) == (0, True)
    as_png(data)
    code, out, err = run_command(cli, *command, "--fail-above", "0.5")
    assert code == 3
    number = re.search(r"FX101 critical .*balanced accuracy ([^)]*\))", out)[1]  # one number: terminal, page and gate
    assert f"a balanced accuracy of {number}" in err
    assert number in Path(out.split("Page: ")[1].splitlines()[0]).read_text()
    assert "the 50 % of --fail-above" in err
    code, _, err = run_command(cli, *command[:3], "balance", *command[4:], "--fail-above", "0.9")
    assert code == 3
    assert "was not measured" in err
