import numpy as np
import pandas as pd
import pytest

from classify.models.file_facts import FAMILIES, fact_matrix, properties
from classify.trained.predict import predict_images
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError
from featex.images.facts import FACTS


@pytest.fixture
def rows(jpeg_facts):
    return pd.DataFrame([{"size": 1000, **jpeg_facts} for _ in range(4)])


def test_every_fact_but_the_prompt_and_the_low_bits_is_a_property_of_one_family(rows):
    names = [name for family in FAMILIES.values() for name in family]
    assert len(names) == len(set(names))
    worked_out = {"aspect", "bytes_per_pixel", "width_divisible_by", "height_divisible_by"}
    assert set(names) | {"prompt", "low_bits"} == set(FACTS) | worked_out
    assert properties(rows).columns.tolist() == names


def test_shape_and_weight_are_worked_out(rows):
    rows.loc[1, ["width", "height", "size"]] = [400, 200, 8000]
    table = properties(rows)
    assert table.loc[1, ["aspect", "bytes_per_pixel"]].tolist() == [2.0, 0.1]


@pytest.mark.parametrize(
    ("family", "column", "value"),
    [
        ("format", "format", "PNG"),
        ("format", "mode", "P"),
        ("format", "progressive", True),
        ("size", "width", 17),
        ("size", "height", 17),
        ("compression", "size", 1001),
        ("compression", "jpeg_quality", 80.0),
        ("compression", "jpeg_sampling", "4:4:4"),
        ("compression", "jpeg_tables", "12345678"),
        ("metadata", "metadata", "jfif,comment"),
        ("metadata", "exif", "Make"),
        ("metadata", "values", "Make=Canon"),
        ("structure", "segments", "C2PA"),
        ("structure", "trailing", 12),
        ("profile", "profile", "sRGB"),
    ],
)
def test_a_family_sees_its_own_properties_and_no_other(rows, family, column, value):
    rows.loc[2, column] = value
    for name in FAMILIES:
        differs = (fact_matrix(rows, [name]) != fact_matrix(rows, [name])[0]).any(axis=1)
        # bytes per pixel are of the compression, and need the size
        moved = name == family or (name == "compression" and family == "size")
        assert differs.tolist() == [False, False, moved, False], name


def test_a_row_depends_on_no_other_row(rows):
    rows.loc[1, ["format", "metadata", "jpeg_quality"]] = ["PNG", "dpi,gamma", np.nan]
    X = fact_matrix(rows)
    assert X.dtype == np.float32
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(X[[3, 1]], fact_matrix(rows.iloc[[3, 1]]))


def test_each_name_in_a_list_counts_by_itself(rows):
    for i, names in enumerate(["comment", "comment,dpi", "dpi,comment", "dpi"]):
        rows.loc[i, "metadata"] = names
    X = fact_matrix(rows, ["metadata"])
    np.testing.assert_array_equal(X[1], X[2])
    assert len(np.unique(X, axis=0)) == 3


def test_a_set_without_facts_and_an_unknown_family_are_refused(rows):
    with pytest.raises(InputError, match="run featex extract again"):
        fact_matrix(rows.drop(columns="format"))
    with pytest.raises(InputError, match="did you mean 'format'"):
        fact_matrix(rows, ["formats"])


def test_the_metadata_model_finds_a_planted_format_and_nothing_else(make_features):
    features = make_features(n=64)
    clean = tune(plan("metadata", features))
    assert clean.model.passport.cv.mean < 0.65
    features.rows.loc[features.rows["label"] == "ai", ["format", "jpeg_tables"]] = ["PNG", ""]
    planted = tune(plan("metadata", features))
    assert planted.model.passport.cv.mean == 1
    held_out = planted.predictions.table.query("set == 'test'")
    assert (held_out["predicted"] == held_out["label"]).all()


def test_files_can_be_judged_without_a_set(make_features, write_images, tmp_path):
    features = make_features(n=64)
    features.rows.loc[features.rows["label"] == "ai", "format"] = "PNG"
    model = tune(plan("metadata", features)).model
    (tmp_path / "new").mkdir()
    jpeg = write_images(tmp_path / "new", 1)[0]
    (tmp_path / "new/broken.png").write_bytes(b"no image")
    predicted, failed = predict_images(model, [tmp_path / "new"], cache=tmp_path)
    assert predicted["predicted"].tolist() == ["real"]
    assert predicted["path"].tolist() == [str(jpeg)]
    assert [path.endswith("broken.png") for path in failed["path"]] == [True]
