"""The house rules that no other test would notice broken: who imports whom, and what lives where."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks.structure import arrows, functions

ROOT = Path(__file__).parents[1]
PACKAGES = ("featex", "classify", "pipelines")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PACKAGES_BELOW = {"featex": {"featex"}, "classify": {"featex", "classify"}, "pipelines": set(PACKAGES)}
MAY_IMPORT = {
    "featex": {
        "cli": "options commands targets layout extraction store network datasets system errors",
        "targets": "layout store system errors",
        "options": "commands layout network datasets system",
        "commands": "system errors",
        "extraction": "layout store network datasets images system errors",
        "store": "layout images system errors",
        "network": "images system errors",
        "datasets": "images system errors",
        "images": "system errors",
        "system": "errors",
        "layout": "",
        "errors": "",
    },
    "classify": {
        "cli": "workspace report explain tuning trained models nets stats splits predictions errors",
        "workspace": "report explain tuning trained models stats splits predictions pages errors",
        "report": "trained stats splits predictions pages errors",
        "explain": "trained models nets splits pages errors",
        "tuning": "trained models stats splits positive predictions errors",
        "trained": "models nets stats splits positive predictions pages errors",
        "models": "nets stats splits errors",
        "nets": "splits errors",
        "splits": "stats predictions errors",
        "stats": "positive predictions pages errors",
        "predictions": "errors",
        "pages": "errors",
        "positive": "",
        "errors": "",
    },
    "pipelines": {
        "cli": "demo doctor auditing cleaning comparison robustness sample sources",
        "demo": "auditing cleaning comparison images sample",
        "doctor": "",
        "comparison": "auditing",
        "robustness": "result_page",
        "sources": "result_page",
        "cleaning": "auditing images",
        "auditing": "images",
        "images": "",
        "result_page": "",
        "sample": "",
    },
}
"""The rooms of each package, from the top down, and the rooms of its own package that each may import."""
ONLY_IN = {
    "torch": {
        *(
            "featex/network/backbones.py",
            "featex/network/published.py",
            "featex/network/weights.py",
            "featex/images/decode.py",
            "featex/extraction/extractor.py",
            "featex/extraction/embed.py",
        ),
        *(
            "featex/network/checkpoints.py",
            "featex/network/layers.py",
            "featex/network/signals.py",
            "featex/network/winograd.py",
            "featex/system/cores.py",
        ),
        *("featex/network/forward.py", "featex/extraction/bench.py"),
        *(
            "classify/nets/pixels.py",
            "classify/nets/augment.py",
            "classify/nets/jpeg_augmentation.py",
            "classify/nets/zoo.py",
            "classify/nets/finetuned.py",
            "classify/nets/activations.py",
        ),
        *(
            "classify/nets/training.py",
            "classify/nets/rates.py",
            "classify/nets/checkpoint.py",
            "classify/nets/classifier.py",
            "classify/explain/cams.py",
            "classify/models/svm.py",
        ),
        *("pipelines/sample/make.py", "pipelines/sample/generators.py"),
    },
    "torchvision": {
        *("featex/network/backbones.py", "featex/network/published.py", "featex/network/weights.py"),
        "featex/images/decode.py",
        *("classify/nets/zoo.py", "classify/nets/finetuned.py"),
    },
    "matplotlib": {
        *("classify/pages/drawing.py", "classify/report/figures.py", "classify/report/figures_reliability.py"),
        *(
            "pipelines/auditing/figures.py",
            "pipelines/auditing/shortcut_figure.py",
            "pipelines/sources/transfer_figures.py",
            "pipelines/robustness/figures.py",
        ),
    },
    "click": {"featex/commands.py", "featex/options.py", *(f"{package}/cli.py" for package in PACKAGES)},
}
LAYOUT_READERS = {
    "featex/layout.py",
    "featex/options.py",
    "featex/targets.py",
    "featex/extraction/extract.py",
    "featex/store/features.py",
    "classify/workspace.py",
    *(f"{package}/cli.py" for package in PACKAGES),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, at_import: bool = False) -> set[str]:
    """Dotted names that a file imports: anywhere in it, or only when it is itself imported."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    if at_import:
        lazy = {
            inner
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            or (isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING")
            for inner in ast.walk(node)
        }
        nodes = [node for node in nodes if node not in lazy]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {
        f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_one_way_and_nobody_imports_a_cli(path):
    package = path.relative_to(ROOT).parts[0]
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in PACKAGES or top in PACKAGES_BELOW[package], name
        assert not name.startswith(tuple(f"{package}.cli" for package in PACKAGES)), name


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_only_the_rooms_below_them(package):
    between = {
        room.split(".")[1]: {target.split(".")[1] for target in targets if target.startswith(f"{package}.")}
        for room, targets in arrows(ROOT).items()
        if room.startswith(f"{package}.")
    }
    assert set(between) == set(MAY_IMPORT[package])
    for room, targets in between.items():
        assert targets <= set(MAY_IMPORT[package][room].split()), room
    order = list(MAY_IMPORT[package])
    for room, below in MAY_IMPORT[package].items():
        assert all(order.index(target) > order.index(room) for target in below.split()), room


def test_a_function_fits_a_screen():
    assert [place for lines, _, place in functions(ROOT) if lines > 60] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_libraries_stay_in_their_rooms(path):
    for name in imports(path):
        assert name_of(path) in ONLY_IN.get(name.split(".")[0], {name_of(path)}), name
        if name.startswith("featex.layout"):
            assert name_of(path) in LAYOUT_READERS or path.is_relative_to(ROOT / "pipelines"), name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_command_lines_and_the_terminal_print_and_read_the_environment(path):
    if path.name == "cli.py" or name_of(path) == "featex/system/terminal.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Name) and node.id == "print"), f"line {node.lineno}"
        assert not (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")), f"line {node.lineno}"


@pytest.mark.parametrize("package", PACKAGES)
def test_help_needs_nothing_but_click(package):
    light = {"click", "featex", "functools", "os", "pathlib"}
    assert {name.split(".")[0] for name in imports(ROOT / package / "cli.py", at_import=True)} <= light


HELD_BY_THE_TESTS_OF_THEIR_USERS = {
    *("featex/errors.py", "classify/errors.py", "featex/layout.py", "featex/options.py", "featex/system/words.py"),
    *("featex/extraction/embed.py", "featex/datasets/set_levels.py", "featex/datasets/class_levels.py"),
    *("featex/datasets/options.py", "classify/tuning/plan.py", "classify/trained/model.py"),
    *("pipelines/auditing/findings.py", "pipelines/cleaning/judgement.py"),
}


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "__init__.py"], ids=name_of)
def test_every_file_has_its_test_file(path):
    test_file = ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}")
    assert test_file.exists() != (name_of(path) in HELD_BY_THE_TESTS_OF_THEIR_USERS)


@pytest.mark.parametrize("name", sorted(set().union(*ONLY_IN.values(), HELD_BY_THE_TESTS_OF_THEIR_USERS)))
def test_the_tables_above_name_files_that_exist(name):
    assert (ROOT / name).is_file()


ROOMS = sorted({path.parent for path in FILES if path.parent.parent != ROOT})


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_says_what_each_of_its_files_is_and_holds_at_most_14(room):
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    assert len(tree.body) == 1  # a docstring, so that importing one file of the room costs no other
    described = re.findall(r"^(\w+)  ", tree.body[0].value.value, flags=re.MULTILINE)
    files = [path.stem for path in room.glob("*.py") if path.name != "__init__.py"]
    assert sorted(described) == sorted(files)
    assert len(files) <= 14


def test_the_places_that_contributing_names_are_there():
    table = re.findall(r"`([A-Z_]+)`, `([\w/]+\.py)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(table) >= 12
    for registry, file in table:
        assert re.search(rf"^{registry}\b.*= ", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), file
