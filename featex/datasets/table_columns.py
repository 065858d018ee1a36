"""Find the columns of a table that hold paths, labels and sets, by their names or their cells."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from featex.datasets.meanings import class_in, is_numbered, plain, set_and_rest, sets_of, side, sides_in, split_name
from featex.errors import InputError, UsageError
from featex.images.formats import SUFFIXES as IMAGE_SUFFIXES
from featex.images.formats import suffix_of

PATH_COLUMNS = (
    *("file_name", "path", "file", "filename", "image", "id", "file_path", "image_path", "img_path", "image_name"),
    *("img_name", "image_file", "img", "image_id", "img_id", "relative_path", "rel_path", "name", "uuid"),
    *("file_names", "paths", "files", "images", "file_paths", "image_paths", "img_paths"),
)
LABEL_COLUMNS = (
    *("label", "class", "target", "labels", "class_name", "label_name", "class_label", "is_fake", "fake", "is_ai"),
    *("ai_generated", "is_ai_generated", "is_generated", "generated", "is_real", "real", "ground_truth", "category"),
    *("y", "label_str", "fake_or_real", "real_or_fake", "real_fake", "fake_real", "ai_or_real", "ai_or_human", "ai"),
    *("is_deepfake", "deepfake", "synthetic", "is_synthetic", "label_id", "class_id", "category_id", "target_label"),
    *("true_label", "y_true", "gt", "gt_label", "ground_truth_label", "image_label", "binary_label", "classes"),
)
SET_COLUMNS = ("split", "set", "subset", "usage", "phase", "partition", "dataset", "data_set", "part", "fold_type")
GROUP_COLUMNS = ("group",)
SOURCE_COLUMNS = ("source", "generator")
_SIDES = ("is_fake", "fake", "is_ai", "ai", "ai_generated", "is_ai_generated", "is_generated", "generated", "is_real")
_SIDES += ("real", "is_deepfake", "deepfake", "synthetic", "is_synthetic")
_FLAGS = {  # the sets that 1 and 0 mean, as in fastai's is_valid and CUB's is_training_image
    **dict.fromkeys(("is_train", "train", "is_training", "training", "is_training_image"), ("train", "test")),
    **dict.fromkeys(("is_valid", "is_val", "is_validation"), ("val", "train")),
    **dict.fromkeys(("is_test", "test", "is_testing"), ("test", "train")),
}
_YES, _NO = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_MISSING = frozenset({"", "nan", "<na>", "#n/a"})
# Names of columns that are not labels: a table with only such columns describes images without classes.
_DESCRIBES = re.compile(
    r"(unnamed|index|text|caption|prompt|title|descr|url|link|width|height|size|date|time|author|license|licence|hash|"
    r"md5|sha|bbox|objects|keyword|tags|seed|steps|cfg|sampler|model|user|nsfw|originalpath|resolution|format|mode)"
)


@cache
def plain_name(column: str) -> str:
    """Return a column's name in lower case without blanks and punctuation: "filename" for "File_Name"."""
    return re.sub(r"[\W_]+", "", plain(column).casefold())


def first_of(columns: Sequence[str], usual: Sequence[str]) -> str | None:
    """Return the column with the first of the usual names, ignoring case, blanks and punctuation."""
    by_name = {plain_name(column): column for column in reversed(columns)}
    return next((by_name[name] for name in map(plain_name, usual) if name in by_name), None)


def named(file: Path, rows: pd.DataFrame, requested: str | None, usual: Sequence[str]) -> str | None:
    """Return the requested column, or else the column with the first of the usual names."""
    if requested is None:
        return first_of(list(rows), usual)
    if requested in rows or first_of(list(rows), [requested]):
        return requested if requested in rows else first_of(list(rows), [requested])
    raise UsageError(f"{str(file)!r} has no column {requested!r}; name one of its columns: {', '.join(rows.columns)}")


def path_columns(file: Path, rows: pd.DataFrame, requested: str | None) -> list[str]:
    """Return the columns that may hold paths; those whose cells end like names of images come first."""
    if requested:
        return [named(file, rows, requested, ())]
    if any(suffix_of(column.partition(" ")[0]) in IMAGE_SUFFIXES for column in rows):
        raise InputError(
            f"{str(file)!r} has no column of paths: it begins with an image; add a first line such as path,label, and "
            "commas between the cells"
        )
    usual = [column for name in map(plain_name, PATH_COLUMNS) for column in rows if plain_name(column) == name]
    ending = [column for column in [*usual, *rows] if _ends_as_images(rows[column])]
    columns = list(dict.fromkeys(ending + usual))
    if not columns:
        raise InputError(
            f"{str(file)!r} has no column of paths (looked for {', '.join(PATH_COLUMNS[:6])}, ...); name one of its "
            f"columns with --path-column: {', '.join(column[:80] for column in rows)}"
        )
    return columns


def _ends_as_images(cells: pd.Series) -> bool:
    cells = [cell.strip() for cell in cells.head(20) if cell.strip()]
    return bool(cells) and all("://" not in cell and suffix_of(cell) in IMAGE_SUFFIXES for cell in cells)


def labels_of(
    file: Path, rows: pd.DataFrame, requested: str | None, others: Sequence[str | None]
) -> tuple[pd.Series, list[str]]:
    """Return the label of each row ("" for none), and notes.

    Labels come from the first column with a usual name, or from one-hot columns, or from the only column whose cells
    mean real and generated.

    Parameters
    ----------
    others : sequence of str
        Columns known to hold something else, the column of paths first.
    """
    column = named(file, rows, requested, LABEL_COLUMNS)
    free = [name for name in rows if name not in others]
    if not requested and (column is None or plain_name(column) in map(plain_name, _SIDES)):
        hot = _one_hot(file, rows, free, column)
        if hot is not None:
            return hot
    saying = [name for name in free if {side(cell) for cell in _few_values(rows[name])} == {"real", "generated"}]
    if column and not requested and (telling := _telling_sides(rows, column, free, saying)):
        note = f"labels from column {telling}, which means real and generated (--label-column takes {column} instead)"
        return _as_classes(file, telling, rows[telling]), [note]
    if column is None:
        if len(saying) != 1:
            refuse_without_labels(file, list(rows), others)
            left = ", ".join([name for name in rows if name.strip() and name != others[0]][:8])
            note = f"{file.name} has no column of labels" + (f" (--label-column takes one of {left})" if left else "")
            return pd.Series("", index=rows.index), [note]
        return rows[saying[0]].map(plain), [f"labels from column {saying[0]}, by its cells"]
    labels = _as_classes(file, column, rows[column])
    alike = [name for name in free if name != column and first_of([name], LABEL_COLUMNS)]
    chosen = f"labels from column {column} (--label-column takes {', '.join(alike)} instead)"
    return labels, [chosen] if alike and not requested else []


def _telling_sides(rows: pd.DataFrame, column: str, free: Sequence[str], saying: Sequence[str]) -> str | None:
    """Return the only column that means real and generated if the usual column means neither (`horse`, `dog`)."""
    values = _values(rows[column])
    if (
        any(map(sides_in, values))
        or all(map(_NUMBER.fullmatch, values))
        or {v.casefold() for v in values} <= _YES | _NO
    ):
        return None
    flags = [
        name for name in free if first_of([name], _SIDES) and {v.casefold() for v in _values(rows[name])} <= _YES | _NO
    ]
    telling = list(saying) or flags
    return telling[0] if len(telling) == 1 else None


def sets_in_labels(labels: pd.Series) -> dict[str, tuple[str, str]]:
    """Return set and class of each label if all contain both (`train_real`) and sets share classes; else {}."""
    parts = {label: (set_and_rest(label)[0], class_in(label)) for label in labels.unique()}
    sets: dict[str, set] = {}
    for label, (split, rest) in parts.items():
        if not split or not set_and_rest(label)[1]:
            return {}
        sets.setdefault(split, set()).add(rest)
    return parts if len(sets) > 1 and len(set.intersection(*sets.values())) > 1 else {}


def _few_values(cells: pd.Series, most: int = 100) -> set[str]:
    """Return the values of a column, or nothing if there are more than classes, sets or flags would have."""
    return _values(cells) if cells.nunique() <= most else set()


def _values(cells: pd.Series) -> set[str]:
    return {plain(cell) for cell in cells.unique()} - {""}


def _one_hot(
    file: Path, rows: pd.DataFrame, free: Sequence[str], column: str | None
) -> tuple[pd.Series, list[str]] | None:
    """Return labels from one-hot columns, which are 1 in the rows of their class and 0 in others; None without any."""
    cells = {name: rows[name].map(lambda cell: plain(cell).casefold()) for name in free if _few_values(rows[name])}
    marks = {name: values.isin(_YES) for name, values in cells.items() if values.isin(_YES | _NO).all()}
    marks = {name: yes for name, yes in marks.items() if plain_name(name) not in map(plain_name, _FLAGS)}
    hot = pd.DataFrame(marks)
    if len(marks) > 1 and (hot.sum(axis=1) == 1).all() and hot.any().sum() > 1:
        names = {name: re.sub(r"^is[\W_]+", "", plain(name), flags=re.IGNORECASE) for name in marks}
        return hot.idxmax(axis=1).map(names), [f"labels from columns {', '.join(marks)}, one of which is 1 in each row"]
    sides = [name for name in marks if first_of([name], _SIDES)]
    if column in sides and len(sides) > 1:
        real = [name for name in sides if plain_name(name).endswith("real")]
        if real and len(real) < len(sides) and (hot[sides].sum(axis=1) == 0).any():
            several = int((hot[sides].sum(axis=1) == 0).sum())
            raise InputError(
                f"columns {', '.join(sides)} of {str(file)!r} are all 0 in {several:,} of its rows, so these images "
                "have another class; write one column of labels, or choose a column with --label-column"
            )
    return None


def _as_classes(file: Path, column: str, cells: pd.Series) -> pd.Series:
    """Return labels as names of classes; raise InputError if they are scores, or differ for every image."""
    spelled = {}
    for cell in cells.unique():
        text = plain(cell)
        spelled[cell] = "" if text.casefold() in _MISSING else text
    values = set(spelled.values()) - {""}
    if values and all(map(_NUMBER.fullmatch, values)):
        broken = sorted(value for value in values if not float(value).is_integer())
        if len(broken) > 20 or any(0 < float(value) < 1 for value in broken):
            raise InputError(
                f"column {column} of {str(file)!r} holds numbers such as {broken[0]}, which are scores, not classes; "
                "write classes into a column and name it with --label-column"
            )
    filled = int(cells.map(spelled).ne("").sum())
    if len(values) == filled >= 10:
        raise InputError(
            f"column {column} of {str(file)!r} has a different value for each of {filled:,} images, such as "
            f"{min(values)[:60]!r}, so it holds no classes; name the column of classes with --label-column"
        )
    return cells.map(spelled)


def sets_of_rows(
    file: Path, rows: pd.DataFrame, requested: str | None, others: Sequence[str | None]
) -> tuple[list[str | None], list[str]]:
    """Return the set of each row, or None for all rows if no column names sets; and notes.

    Sets come from a column with a usual name, or from a column of flags like `is_valid`, or from a column whose cells
    all name sets.
    """
    usual = [column for name in SET_COLUMNS for column in rows if plain_name(column) == plain_name(name)]
    notes = []
    if requested:
        column = named(file, rows, requested, ())
    else:
        telling = [column for column in usual if "train" in sets_of(rows[column].unique()).values()]
        by_name = [column for column in usual if plain_name(column) in SET_COLUMNS[:2]]
        column = next(iter(telling + by_name), None)
    if column is None:
        column = next((name for name in rows if name not in others and _says_sets(name, rows[name])), None)
        notes = [f"sets from column {column}"] if column else []
    if column is None:
        return [None] * len(rows), notes
    values = _values(rows[column])
    flags = _flags(column, values)
    if flags:
        return [flags.get(plain(cell).casefold(), "") for cell in rows[column]], notes
    if values and all(map(is_numbered, values)):
        return [None] * len(rows), [f"column {column} numbers folds, which are not sets; new folds are made"]
    if values and all(value.casefold() in _YES | _NO or _NUMBER.fullmatch(value) for value in values):
        raise InputError(
            f"column {column} of {str(file)!r} holds {', '.join(sorted(values)[:5])}, and none is the name of a set; "
            "write train, val or test there, choose another column with --set-column, or rename this one"
        )
    sets = sets_of(rows[column].unique())
    return [sets.get(cell) or plain(cell) for cell in rows[column]], notes


def _says_sets(column: str, cells: pd.Series) -> bool:
    values = _few_values(cells)
    sets = {split_name(value) for value in values}
    return bool(_flags(column, values)) or ("train" in sets and len(sets) > 1 and "" not in sets)


def _flags(column: str, values: set[str]) -> dict[str, str]:
    """Return the set for 1 and 0 in a column such as `is_train`; {} for any other column."""
    by_name = {plain_name(name): sets for name, sets in _FLAGS.items()}
    sets = by_name.get(plain_name(column))
    small = {value.casefold() for value in values}
    if sets is None or not small or not small <= _YES | _NO:
        return {}
    return dict.fromkeys(_YES, sets[0]) | dict.fromkeys(_NO, sets[1])


def refuse_without_labels(file: Path, columns: Sequence[str], others: Sequence[str | None]) -> None:
    """Raise InputError if a column with an unusual name may hold labels."""
    usual = {plain_name(name) for name in (*PATH_COLUMNS, *SET_COLUMNS, *GROUP_COLUMNS, *SOURCE_COLUMNS)}
    known = {*usual, *map(plain_name, filter(None, others)), ""}
    if any(name not in known and not _DESCRIBES.match(name) for name in map(plain_name, columns)):
        raise InputError(
            f"{str(file)!r} has no column of labels (looked for {', '.join(LABEL_COLUMNS[:4])}, ...); name one of its "
            f"columns with --label-column: {', '.join(columns)}"
        )
