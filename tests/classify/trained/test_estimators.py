import json
import pkgutil
import subprocess
import sys
import zipfile

import pytest

from classify.trained import estimators, persist
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import StoreError


@pytest.fixture
def model(make_features):
    return tune(plan("svm", make_features(), trials=1, n_folds=3)).model


def test_a_file_with_another_type_in_it_is_refused(model, tmp_path):
    path = persist.save(model, tmp_path)
    with zipfile.ZipFile(path / "estimator.skops") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    schema["__class__"], schema["__module__"] = "Popen", "subprocess"
    with zipfile.ZipFile(path / "estimator.skops", "w") as archive:
        for name, content in {**files, "schema.json": json.dumps(schema)}.items():
            archive.writestr(name, content)
    with pytest.raises(StoreError, match="is damaged"):
        persist.load(path)


def test_every_type_that_a_model_file_may_hold_exists():
    for name in estimators.TRUSTED:
        assert isinstance(pkgutil.resolve_name(name), type), name


def test_a_forest_whose_nodes_point_outside_of_it_is_refused(make_features, tmp_path):
    model = tune(plan("forest", make_features(), trials=1, n_folds=3)).model
    tree = model.estimator.estimators_[7].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    tree.__setstate__(state)
    with pytest.raises(StoreError, match="is damaged"):
        persist.load(persist.save(model, tmp_path))


def test_keeping_a_model_on_features_imports_no_torch():
    code = (
        "import sys; from classify.trained import estimators; estimators.skops_io(); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
