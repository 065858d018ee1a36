"""Studies as TOML files: those that come with this package, and a reader that checks every key and value."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from classify.models.registry import ModelSpec, get_model
from classify.nets.recipe import parse_setting
from classify.report.published import SETS
from featex.errors import FeatexError, InputError, unknown
from pipelines.comparison.study import Study

FOLDER = Path(__file__).with_name("studies")
SUFFIX = ".toml"
# The keys of a file with their types; a key that ends in "?" may be left out.
KEYS = {
    **dict.fromkeys(("title", "about", "source", "directory"), str),
    **{"data": dict, "models": dict, "options?": dict, "published?": list},
    **{"folds?": int, "notes?": list},
}
DATA_KEYS = {"name": str, "layout": str, "where": str, "sets?": list, "classes?": list}
OPTION_KEYS = {
    **dict.fromkeys(("labels?", "layout?", "path_column?", "label_column?", "set_column?", "group_column?"), str),
    **{"group_rows?": int, "classes?": dict},
}
SCORE_KEYS = {"model": str, "set": str, "called": str, "value": float, "n?": int}


def study_names() -> list[str]:
    """Return the names of the studies that come with this package, sorted."""
    return sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}"))


def load_study(name: str) -> Study:
    """Return the study called `name`, or the one in the file `name` if that ends in ``.toml``.

    Raises
    ------
    InputError
        If there is none, with the nearest name; or if its file has a mistake.
    """
    if name.endswith(SUFFIX):
        return read_study(Path(name))
    if name not in study_names():
        raise unknown("study", name, study_names())
    return read_study(FOLDER / f"{name}{SUFFIX}")


def listed_studies(data: Path) -> list[dict]:
    """Return what to know of each study that comes with this package, and whether its data are below `data`."""
    studies = [load_study(name) for name in study_names()]
    return [
        {
            "name": study.name,
            "title": study.title,
            "models": list(study.models),
            "data": study.data_name,
            "folder": str(data / study.directory),
            "here": (data / study.directory).is_dir(),
            "where": study.where,
        }
        for study in studies
    ]


def read_study(path: Path) -> Study:
    """Return the study in a file.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a key, or has an unknown key, model or value; the message names the file.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise InputError(f"cannot read the study {str(path)!r}: {error.strerror}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise InputError(f"{path} is no study: {error}; see https://toml.io for how such files are written") from error
    try:
        return _study(path.stem, content)
    except FeatexError as error:
        raise InputError(f"{path}: {error}") from error


def _study(name: str, content: dict) -> Study:
    _check("", content, KEYS)
    data, options, models = content["data"], content.get("options", {}), content["models"]
    _check("data.", data, DATA_KEYS)
    _check("options.", options, OPTION_KEYS)
    lists = {
        "notes": content.get("notes", []),
        "data.sets": data.get("sets", []),
        "data.classes": data.get("classes", []),
    }
    for key, texts in lists.items():
        if not all(isinstance(text, str) for text in texts):
            raise InputError(f"{key} must be a list of texts; it is {texts!r}")
    if content.get("folds", 2) < 2:
        raise InputError(f"folds must be 2 or more; it is {content['folds']}")
    if not models:
        raise InputError("it has no model; give it a table [models.NAME] at least")
    _check("models.", models, dict.fromkeys(models, dict))
    for model, settings in models.items():
        _check_settings(get_model(model), settings)
    if "classes" in options:
        options = options | {"classes": _patterns(options["classes"])}
    return Study(
        name=name,
        title=content["title"],
        about=content["about"],
        source=content["source"],
        directory=content["directory"],
        data_name=data["name"],
        layout=data["layout"],
        where=data["where"],
        sets=tuple(data.get("sets", ())),
        classes=tuple(data.get("classes", ())),
        options=options,
        models=models,
        published=tuple(_score(row, models) for row in content.get("published", ())),
        notes=tuple(content.get("notes", ())),
        folds=content.get("folds"),
    )


def _check_settings(spec: ModelSpec, settings: dict) -> None:
    """Raise InputError if the model has no such setting, or the type is wrong; `plan` checks ranges."""
    for name, value in settings.items():
        if name not in ("trials", *spec.wishes):
            raise unknown(f"setting of {spec.name}", name, ("trials", *spec.wishes))
        if name == "trials":
            _check(f"models.{spec.name}.", {name: value}, {name: int})
        elif parse_setting(f"{name}={value}")[1] != value:
            raise InputError(f"models.{spec.name}.{name} cannot be {value!r}")


def _score(row: dict, models: Mapping) -> dict:
    _check("published.", row, SCORE_KEYS)
    if row["model"] not in models:
        raise InputError(f"it has a number of {row['model']!r}, which it does not run; it runs {', '.join(models)}")
    if row["set"] not in SETS:
        raise unknown("published.set", row["set"], SETS)
    if not 0 <= row["value"] <= 100:
        raise InputError(f"published.value of {row['model']} is {row['value']}; give percent, 0 to 100")
    if row.get("n", 1) < 1:
        raise InputError(f"published.n of {row['model']} is {row['n']}; leave it out where it is not known")
    return {"n": None, **row}


def _patterns(classes: dict) -> list[tuple[str, str]]:
    """Return (name, pattern) pairs of ``{name: pattern, or a list of patterns}``."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in classes.items()}
    for name, patterns in lists.items():
        if not all(isinstance(pattern, str) for pattern in patterns):
            raise InputError(f"options.classes.{name} must be a text or a list of texts; it is {classes[name]!r}")
    return [(name, pattern) for name, patterns in lists.items() for pattern in patterns]


def _check(where: str, table: object, keys: Mapping[str, type]) -> None:
    """Raise InputError unless `table` is a table with these keys and types."""
    if not isinstance(table, dict):
        raise InputError(f"{where.rstrip('.')} must be a table; it is {table!r}")
    types = {key.rstrip("?"): kind for key, kind in keys.items()}
    for key, value in table.items():
        if key not in types:
            raise unknown("key", f"{where}{key}", [f"{where}{known}" for known in types])
        if type(value) not in {types[key], int if types[key] is float else types[key]}:  # true is no number
            raise InputError(f"{where}{key} must be {_KINDS[types[key]]}; it is {value!r}")
    if lacking := [key for key in keys if not key.endswith("?") and key not in table]:
        raise InputError(f"it has no {where}{lacking[0]}")


_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}
