def test_the_best_model_is_one_on_features_and_no_ensemble(result):
    assert result.best == "svm"
    assert all(result.story.values())
    assert result.numbers["svm, external set"] == 0.6
    assert not any("vote" in name for name in result.numbers)


def test_the_table_has_the_baseline_before_and_after_the_best_model_and_the_small_nets(result):
    rows = [[cell.replace("\xa0", " ") for cell in row] for row in result.table().rows]
    assert [row[0].split(",")[0] for row in rows] == ["metadata only"] * 2 + ["svm on deep features", "lenet5", "cnn"]
    assert rows[0][1].startswith("100")
    assert rows[2][2] == "90.0 % (85.0–95.0)"
