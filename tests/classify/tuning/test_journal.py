import os
import signal
import time
from threading import Timer

import pytest

from classify.errors import ModelError
from classify.tuning import journal
from classify.tuning.journal import FileLock, open_journal
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.system.progress import Progress


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def tuned(features, path, trials=3, progress=None):
    return tune(plan("logreg", features, trials=trials, n_folds=3), storage=path, progress=progress)


def test_the_lock_of_a_killed_process_ends_with_it(tmp_path):
    path = tmp_path / "j"
    path.touch()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        FileLock(path, Progress()).acquire()
        os.write(write, b"held")
        time.sleep(60)
        os._exit(0)
    assert os.read(read, 4) == b"held"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    heard = Heard()
    lock = FileLock(path, heard)
    assert lock.acquire()
    lock.release()
    assert heard.lines == []
    assert [file.name for file in tmp_path.iterdir()] == ["j"]


def test_a_link_that_an_older_lock_left_behind_is_not_waited_for(make_features, tmp_path):
    os.symlink("artifacts/studies/j", tmp_path / "j.lock")  # as Optuna makes it: relative, and so dangling
    assert tuned(make_features(), tmp_path / "j", trials=1).model.passport.trials == 1


def test_a_wait_for_another_run_is_said_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "QUIET", 0.05)
    path, heard = tmp_path / "j", Heard()
    path.touch()
    held = FileLock(path, Progress())
    held.acquire()
    Timer(0.3, held.release).start()
    open_journal(path, heard)
    (line,) = heard.lines
    assert str(path) in line


@pytest.mark.parametrize("end", ["cut", "no newline", "zeros"])
def test_half_a_line_at_the_end_is_cut_off_and_the_study_goes_on(make_features, tmp_path, end):
    features, path, heard = make_features(), tmp_path / "j", Heard()
    whole = tuned(features, tmp_path / "whole", trials=5)
    tuned(features, path)
    text = path.read_bytes()
    path.write_bytes({"cut": text[:-40], "no newline": text[:-1], "zeros": text + bytes(512)}[end])
    resumed = tuned(features, path, trials=5, progress=heard)
    assert sum(str(path) in line for line in heard.lines) == 1
    assert resumed.predictions.table.equals(whole.predictions.table)
    assert resumed.model.passport.trials == 5


def test_a_damaged_line_in_the_middle_is_refused_with_its_number(make_features, tmp_path):
    tuned(make_features(), tmp_path / "j")
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join([*lines[:4], b"?" + lines[4], *lines[5:]]))
    with pytest.raises(ModelError, match="line 5"):
        tuned(make_features(), tmp_path / "j")
