import pickle

import pytest
import torch

from classify.nets import checkpoint as module
from classify.nets.checkpoint import Checkpoint
from featex.errors import StoreError


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "a.pt"
    assert Checkpoint(path).read() is None
    Checkpoint(path).write({"epoch": 3, "weight": torch.arange(3), "rows": [{"loss": 0.1, "acc": None}]})
    state = Checkpoint(path).read()
    assert state["weight"].tolist() == [0, 1, 2]
    assert state["rows"] == [{"loss": 0.1, "acc": None}]
    assert [file.name for file in path.parent.iterdir()] == ["a.pt"]


def test_without_a_path_nothing_is_kept():
    nowhere = Checkpoint(None)
    nowhere.write({"epoch": 1})
    assert nowhere.read() is None
    assert not nowhere.due()


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemExit('code was run')",)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps(Harmful())])
def test_a_damaged_file_is_refused_and_runs_no_code(tmp_path, content):
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.pt is damaged; delete it"):
        Checkpoint(path).read()


def test_writing_takes_a_tenth_of_the_time_at_most(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "a.pt")
    assert checkpoint.due()  # the first is free: nobody knows yet what one costs

    def slow(state, path):
        now[0] += 2.0
        path.write_bytes(b"state")

    monkeypatch.setattr(module.torch, "save", slow)
    checkpoint.write({})
    now[0] += 19.9
    assert not checkpoint.due()
    now[0] += 0.2
    assert checkpoint.due()
