import io

from featex.system import progress as progress_module
from featex.system import silence
from featex.system.progress import TerminalProgress


def test_lines_are_sparse_where_there_is_no_terminal(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock[0])
    stream = io.StringIO()
    with TerminalProgress(stream).task("extract", 1000, "image") as tick:
        for _ in range(100):
            clock[0] += 1.0
            tick(10)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "extract: 300 of 1,000 images, 10 images/s, 70 s left"
    assert len(lines) == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_state_replaces_the_last_on_a_terminal_and_is_sparse_elsewhere(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock[0])
    for stream in (io.StringIO(), Terminal()):
        progress = TerminalProgress(stream)
        for epoch in range(40):
            clock[0] += 1
            progress.status(f"epoch {epoch}")
            progress.remark(f"loss of epoch {epoch}")
        progress.say("done")
        text = stream.getvalue()
        assert text.endswith("done\n")
        assert "loss" not in text
        if stream.isatty():
            assert text.count("\n") == 1
            assert text.count("\r") >= 40
        else:
            assert text.splitlines() == ["epoch 29", "done"]


def test_a_sentence_on_the_data_behind_several_models_is_written_once():
    stream = io.StringIO()
    progress = TerminalProgress(stream)
    for model in ("svm", "forest"):
        progress.say(f"{model} begins")
        progress.say_once("no test set")
    assert stream.getvalue().splitlines() == ["svm begins", "no test set", "forest begins"]


def test_a_task_names_what_the_command_works_on_and_gives_the_step_before_back():
    progress = TerminalProgress(io.StringIO())
    progress.step("write the report")
    with progress.task("extract", 2, "image") as tick:
        assert silence._step == "extract"
        tick(1)
        assert silence._step == "extract, 1 of 2 images"
    assert silence._step == "write the report"


def test_remarks_take_the_place_of_states_when_verbose():
    stream = Terminal()
    progress = TerminalProgress(stream, verbose=True)
    for epoch in range(3):
        progress.status(f"epoch {epoch}")
        progress.remark(f"loss of epoch {epoch}")
    assert stream.getvalue().splitlines() == ["loss of epoch 0", "loss of epoch 1", "loss of epoch 2"]


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    with TerminalProgress(stream).task("extract", 2, "image") as tick:
        tick(2)
    assert "extract" in stream.getvalue()
    assert "%" in stream.getvalue()
