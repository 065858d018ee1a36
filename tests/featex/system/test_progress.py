import io

from featex.system import progress as progress_module
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


def test_remarks_are_sparse_where_there_is_no_terminal():
    for stream, n in ((io.StringIO(), 1), (Terminal(), 3)):
        progress = TerminalProgress(stream)
        for epoch in range(3):
            progress.remark(f"epoch {epoch}")
        assert len(stream.getvalue().splitlines()) == n


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    with TerminalProgress(stream).task("extract", 2, "image") as tick:
        tick(2)
    assert "extract" in stream.getvalue()
    assert "%" in stream.getvalue()
