"""What every command prints with --json is as docs/schemas.json has it, and docs/json.md explains each field."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import classify.cli
import featex.cli
import pipelines.cli

DOCS = Path(__file__).parents[1] / "docs"
SCHEMAS = json.loads((DOCS / "schemas.json").read_text(encoding="utf-8"))["$defs"]
PROGRAMS = {"featex": featex.cli, "classify": classify.cli, "pipelines": pipelines.cli}


@pytest.fixture
def run(run_command, monkeypatch, weights_file, data, with_vectors, tmp_path):
    """Return a function that runs a command with --json, holds its output against its schema, and returns it."""
    monkeypatch.setenv("FEATEX_WEIGHTS", weights_file)
    with_vectors(tmp_path / "artifacts/features")

    def run(program, command, *arguments, code=0, schema=None):
        ended, out, err = run_command(PROGRAMS[program], command, *arguments, "--json")
        assert ended == code, err
        record = json.loads(out)
        Draft202012Validator(SCHEMAS[schema or f"{program} {command}"]).validate(record)
        return record

    return run


def test_every_schema_is_one_and_every_command_has_one():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    commands = {f"{name} {command}" for name, module in PROGRAMS.items() for command in module.cli.commands}
    assert commands <= set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {"error"}))
def test_every_field_is_explained(name):
    part = (DOCS / "json.md").read_text(encoding="utf-8").split(f"## `{name}`\n")[1].split("\n## ")[0]
    kinds = SCHEMAS[name].get("oneOf", [SCHEMAS[name]])
    assert re.findall(r"^- `(\w+)`", part, re.MULTILINE) == [field for kind in kinds for field in kind["properties"]]


def test_featex_prints_its_schemas(run, data):
    assert run("featex", "extract", data)["sets"] == {"test": 8, "train": 24, "wild": 6}
    assert run("featex", "show")["sets"][0]["set"] == "images"
    assert run("featex", "verify")["problems"] == []
    assert run("featex", "export", "--out", "set.csv")["n_images"] == 38
    assert len(run("featex", "backbones")["backbones"]) > 1


def test_classify_prints_its_schemas(run, data, tmp_path):
    run_quietly = partial(run, "classify")
    run("featex", "extract", data)
    for model in ("logreg", "svm"):
        record = run_quietly("tune", model, "--trials", 0, "--folds", 3)
        assert [row["set"] for row in record["scores"]] == ["test", "wild"]
    assert run_quietly("ensemble", "logreg-images", "svm-images")["members"] == ["logreg-images", "svm-images"]
    assert run_quietly("models", "--model", "lenet5")["reads"] == "pixels"
    assert run_quietly("predict", "logreg-images", data / "test")["n_images"] == 8
    scores = "path,score\n" + "".join(f"{path.relative_to(data)},0.5\n" for path in (data / "test").rglob("*.jpg"))
    (tmp_path / "scores.csv").write_text(scores)
    assert run_quietly("import", "scores.csv", "--name", "theirs")["report"] == "images"
    assert {one["name"] for one in run_quietly("models")["trained"]} >= {"logreg-images", "theirs"}
    report = run_quietly("report")
    assert report["sets"] == ["test", "wild"]
    assert sum(model["chosen"] for model in report["models"]) == 1


def test_pipelines_prints_its_schemas(run, data):
    run_flow = partial(run, "pipelines")
    few = ("--only", "logreg", "--no-audit", "--trials", 0, "--folds", 3)
    record = run_flow("compare", data, *few)
    assert [(model["model"], model["baseline"]) for model in record["models"]][-1] == ("metadata-images", True)
    run_flow("stress", "--models", "logreg-images", "--transforms", "jpeg", "--grades", "quick", "--limit", 4)
    assert {one["check"] for one in run_flow("audit", "--only", "balance")["findings"]} == {"balance"}
    failed = run_flow("audit", data, "--only", "balance", "--fail-above", 0.6, code=3)
    assert failed["exit_code"] == 3
    assert run_flow("normalise", data, "new", "--size", 32)["written"] == 38
    assert run_flow("prepare", data, "clean", "--dry-run")["folder"] is None
    assert len(run_flow("studies")["studies"]) > 1
    run_flow("doctor")


@pytest.mark.parametrize(
    ("program", "arguments", "code"),
    [("classify", ["tune", "smv"], 2), ("pipelines", ["stress"], 1), ("featex", ["extract", "--tiles", "no"], 2)],
)
def test_an_error_is_an_object_too(run, program, arguments, code):
    assert run(program, *arguments, code=code, schema="error")["exit_code"] == code


@pytest.mark.long
def test_slow_commands_print_their_schemas(run, data, write_images, tmp_path):
    run("featex", "bench", data, "--images", 4, "--runs", 1)
    run("featex", "extract", data)
    run("classify", "tune", "logreg", "--trials", 0, "--folds", 3)
    run("classify", "explain", "logreg-images", data / "test/ai/000.jpg", "--out", "why", "--no-occlusion")
    for tint, source in ((0, "ai/one"), (40, "ai/two"), (120, "real/one"), (160, "real/two")):
        write_images(tmp_path / "sources/train" / source, 24, tint=tint)
    run("featex", "extract", "sources", "--layout", "set/class/source")
    assert run("pipelines", "transfer", "sources", "--only", "logreg")["models"][0]["model"] == "logreg"
    assert run("pipelines", "travel", "sources", "--layout", "set/class/source", "--quick", "--folds", 2)["choices"]
