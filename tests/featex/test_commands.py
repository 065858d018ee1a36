import json
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from featex.commands import names, one_of, option, program, terminal_progress, wants_json
from featex.errors import InputError, UsageError
from featex.options import ARTIFACTS
from featex.system.disk import write_json
from featex.system.output import Result
from featex.system.progress import Progress
from featex.system.terminal import run


@program
def cli():
    """Try commands."""


@cli.command(examples=["try sets data --only svm logreg"])
@click.argument("folder", default="data")
@names("--only", choices=lambda: ["svm", "logreg", "ImageNet"], kind="model", group="Models", help="Models.")
@option("--limit", type=int, group="Output", help="Most rows.")
def sets(folder, only, limit):
    """Name the sets in FOLDER."""
    if folder == "bad":
        raise InputError("'bad' holds nothing")
    if folder == "typo":
        raise UsageError("no 'typo'")
    progress = terminal_progress()
    progress.say("a step")
    record = {"folder": folder, "only": list(only), "silent": type(progress) is Progress}
    return Result(record, [f"{folder}: {'+'.join(only)}"], ["next"], failed="a gate" if folder == "gate" else "")


@cli.command(examples=["try keep x"])
@click.argument("folder")
@option("--out", help="File.")
@ARTIFACTS
def keep(folder, out, artifacts):
    """Write into FOLDER."""
    write_json(Path(folder) / "a.json", {})


@cli.command(examples=["try make x"])
@click.argument("target", metavar="NEW_FOLDER")
def make(target):
    """Write NEW_FOLDER."""
    write_json(Path(target) / "a.json", {})


@cli.command(examples=["try copy a b"])
@click.argument("source")
@click.argument("target")
def copy(source, target):
    """Copy SOURCE to TARGET."""
    raise UsageError(f"{source!r} does not exist")


@pytest.fixture
def call(run_command):
    module = SimpleNamespace(__name__="try.cli", main=lambda: run(cli))
    return lambda *arguments: run_command(module, *arguments)


def test_help_lists_options_under_headings_with_an_example(call):
    _, out, _ = call("sets", "--help")
    headings = [line for line in out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Models:", "Output:", "General:", "Examples:"]
    assert (
        out.index("Models:") < out.index("--only") < out.index("Output:") < out.index("--limit") < out.index("--json")
    )
    assert "  try sets data --only svm logreg\n" in out
    assert all(code in call("--help")[1] for code in ("0 done", "1 the", "2 it", "3 a gate", "130"))


@pytest.mark.parametrize(
    ("arguments", "only", "folder"),
    [
        (["--only", "svm,logreg"], "svm+logreg", "data"),
        (["--only", "svm", "logreg"], "svm+logreg", "data"),
        (["--only", "SVM", "imagenet,logreg", "photos"], "svm+ImageNet+logreg", "photos"),
        (["photos", "--only", "logreg", "--limit", "3"], "logreg", "photos"),
        (["--only=svm", "logreg"], "svm", "logreg"),
        (["--", "--only"], "", "--only"),
    ],
)
def test_several_names_have_commas_or_blanks_between_them(call, arguments, only, folder):
    assert call("sets", *arguments)[:2] == (0, f"{folder}: {only}\nNext: next\n")


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["sest"], 2, "sets"),
        (["sets", "--onyl", "svm"], 2, "--only"),
        (["sets", "--only", "smv"], 2, "did you mean 'svm'?"),
        (["sets", "--only", "svm", "lgreg"], 2, "did you mean 'logreg'?"),
        (["sets", "bad"], 1, "Error: 'bad' holds nothing\n"),
        (["sets", "typo"], 2, "Error: no 'typo'\n"),
        (["sets", "gate"], 3, "Error: a gate\n"),
    ],
)
def test_what_is_wrong_has_its_exit_code_and_a_hint(call, arguments, code, hint):
    found, _, err = call(*arguments)
    assert (found, hint in err) == (code, True)
    found, out, err = call(*arguments, "--json")
    assert (found, json.loads(out)["exit_code"], hint in err) == (code, code, True)


def test_quiet_verbose_and_json_stand_before_or_after_the_name(call):
    assert call("sets")[1:] == ("data: \nNext: next\n", "a step\n")
    for arguments in (["-q", "sets"], ["sets", "-q"]):
        assert call(*arguments)[1:] == ("data: \n", "")
    for arguments in (["--json", "sets"], ["sets", "--json"]):
        _, out, err = call(*arguments)
        assert json.loads(out) == {"folder": "data", "only": [], "silent": False}
        assert err == "a step\ndata: \nNext: next\n"
    for arguments in (["-v", "sets", "bad"], ["sets", "bad", "-v"]):
        err = call(*arguments)[2]
        assert "Traceback" in err
        assert err.endswith("Error: 'bad' holds nothing\n")


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["keep", "no/models", "--artifacts", "no"], "--artifacts DIR"),
        (["keep", "no/models"], "--out"),
        (["make", "no"], "another NEW_FOLDER"),
    ],
)
def test_where_nothing_can_be_written_the_option_is_named_that_says_the_place(call, tmp_path, arguments, place):
    (tmp_path / "no").write_text("a file, where a folder should be")
    code, _, err = call(*arguments)
    assert code == 1
    assert err.startswith("Error: cannot write ")
    assert err.endswith(f"{place}\n")


def test_swapped_folders_are_noticed(call, tmp_path):
    (tmp_path / "photos").mkdir()
    assert call("copy", "new", "photos")[2].endswith("the folder to read comes first: photos new\n")
    assert call("copy", "new", "other")[2] == "Error: 'new' does not exist\n"


def test_a_name_is_found_whatever_its_case():
    assert one_of("model", "SVM", ["svm"]) == "svm"
    with pytest.raises(UsageError, match="did you mean 'ImageNet'"):
        one_of("model", "IMAGNET", ["svm", "ImageNet"])
    assert not wants_json()
