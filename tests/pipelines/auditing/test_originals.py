import os

import pandas as pd
import pytest
from PIL import Image

from featex.extraction.extract import extract
from featex.images.facts import file_facts
from pipelines.auditing.audit import audit
from pipelines.auditing.originals import source_of, with_original_facts
from pipelines.cleaning.normalise import Form, normalise


@pytest.fixture
def copy(data, tmp_path):
    """A normalised copy of images, of which those of one class were PNG files."""
    for path in data.rglob("ai/*.jpg"):
        with Image.open(path) as image:
            image.save(path.with_suffix(".png"))
        path.unlink()
    return normalise(data, tmp_path / "copy", Form(size=32)).folder


def test_a_copy_knows_where_it_comes_from_even_when_both_are_moved(copy, data, tmp_path):
    assert source_of(copy) == data
    assert source_of(data) is None
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert source_of(moved / "copy") == moved / "images"


def test_each_row_gets_the_facts_of_its_original(copy, data):
    rows = pd.DataFrame({"path": ["train/real/001.jpg", "train/ai/000.jpg"], "size": 1}, index=[5, 3])
    rows = rows.assign(**file_facts((copy / "train/ai/000.jpg").read_bytes()))
    originals = with_original_facts(rows, copy, data)
    assert originals["format"].to_dict() == {5: "JPEG", 3: "PNG"}
    assert originals.loc[3, "size"] == (data / "train/ai/000.png").stat().st_size
    changed = data / "train/ai/000.png"
    times = changed.stat()
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns + 10**12))
    assert with_original_facts(rows, copy, data) is None
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert with_original_facts(rows, copy, data) is not None
    changed.unlink()
    assert with_original_facts(rows, copy, data) is None


def test_an_audit_of_a_copy_says_what_normalising_took_away(copy, weights_file, artifacts):
    extract(copy, artifacts.features, weights=weights_file, device="cpu")
    done = audit("copy", only=["shortcuts"], artifacts=artifacts)
    (before,) = [one for one in done.findings if one.id == "FX105"]
    (now,) = [one for one in done.findings if one.id == "FX101"]
    assert (before.level, before.value) == ("ok", 1)
    assert now.value < 0.9
    assert "FX105" in done.page.read_text()
    assert any("FX105" in line for line in done.lines())
    assert done.next_command().startswith("pipelines compare")
