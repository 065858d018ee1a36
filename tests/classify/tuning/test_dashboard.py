import hashlib
import json
import sys
from threading import Thread
from urllib.request import urlopen

import optuna
import pytest

from classify.tuning.dashboard import HOST, dashboard
from classify.tuning.journal import open_journal
from featex.errors import InputError
from featex.system.progress import Progress


@pytest.fixture
def studies(tmp_path):
    """A folder with the journals of two models; svm has a search of 3 trials, forest one of 2."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name, n_trials in (("svm-photos", 3), ("forest-photos", 2)):
        storage = open_journal(tmp_path / f"{name}.journal", Progress())
        study = optuna.create_study(study_name=f"{name}-0123", storage=storage, direction="maximize")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n_trials)
    return tmp_path


def asked(shown, path: str):
    """Return the JSON that a dashboard answers, after which it is closed."""
    thread = Thread(target=shown.serve)
    thread.start()
    try:
        with urlopen(shown.url.replace("/dashboard/", path), timeout=10) as answer:
            return json.load(answer)
    finally:
        shown.server.shutdown()
        thread.join()


def test_it_shows_all_studies_with_their_trials_and_changes_no_journal(studies):
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(studies.iterdir())]
    shown = dashboard(studies, port=0)
    assert shown.url.startswith(f"http://{HOST}:")
    assert set(shown.studies) == {"svm-photos-0123", "forest-photos-0123"}
    summaries = {one["study_name"]: one["study_id"] for one in asked(shown, "/api/studies")["study_summaries"]}
    assert set(summaries) == set(shown.studies)
    again = dashboard(studies, port=0)
    detail = asked(again, f"/api/studies/{summaries['svm-photos-0123']}?after=0")
    assert len(detail["trials"]) == 3
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(studies.iterdir())] == before


@pytest.mark.parametrize("name", ["svm-photos", "svm-photos-0123"])
def test_a_model_or_a_study_can_be_named(studies, name):
    shown = dashboard(studies, name, port=0)
    shown.server.server_close()
    assert shown.studies == ("svm-photos-0123",)
    assert [path.name for path in shown.journals] == ["svm-photos.journal"]


def test_what_is_missing_is_a_sentence(studies, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="did you mean 'svm-photos'"):
        dashboard(studies, "svm-photo")
    with pytest.raises(InputError, match="make one: classify tune svm"):
        dashboard(tmp_path / "none")
    taken = dashboard(studies, port=0)
    with pytest.raises(InputError, match=r"choose another: --port \d+"):
        dashboard(studies, port=taken.server.server_port)
    taken.server.server_close()
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(InputError, match=r"pip install '\.\[dashboard\]'"):
        dashboard(studies)
