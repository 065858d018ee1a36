"""stress: test the models of a report on its unseen images under conditions such as JPEG, resizing, blur and noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import DataError, ModelError
from classify.pages.codes import Notice
from classify.predictions import PROB, VALIDATION, Predictions
from classify.splits.partition import images_digest
from classify.trained import persist
from classify.trained.inputs import INPUTS
from classify.trained.model import TrainedModel
from classify.trained.pair import read_predictions, report_models
from classify.trained.passport import DataFacts, Passport, positive_of_report
from featex.errors import InputError, UsageError, unknown
from featex.layout import ARTIFACTS, Artifacts
from featex.store.features import find_set, stored_sets
from featex.system.progress import Progress
from featex.system.words import count, none_usable
from pipelines.result_page import ResultPage
from pipelines.robustness.conditions import FULL, Condition, conditions
from pipelines.robustness.page import CAPTION, headline, stress_section
from pipelines.robustness.predict import predict_all, read_images
from pipelines.robustness.readers import readers_of, why_not_tested
from pipelines.robustness.sentences import findings
from pipelines.robustness.tables import bias_table, stress_table

FACTS = ["set", "path", "label", "source", "group"]


@dataclass(frozen=True)
class StressTest:
    """Which models to test, on which images, under which conditions.

    Parameters
    ----------
    models : sequence of str
        Names of models; empty: all models of the report that read pixels.
    transforms, grades
        As `pipelines.robustness.conditions.conditions` takes them.
    limit : int, optional
        At most so many images of each set, drawn at random, of each class by its share.
    positive : str, optional
        The positive one of two classes; by default the report's.
    seed : int
        Seed of the draw and of intervals.
    """

    models: Sequence[str] = ()
    transforms: Sequence[str] = ()
    grades: str = FULL
    limit: int | None = None
    positive: str | None = None
    seed: int = 0


DEFAULT = StressTest()


@dataclass(frozen=True, eq=False)
class StressResult:
    """What a stress test found.

    Parameters
    ----------
    predictions : DataFrame
        The prediction of each model for each image, untreated and under each condition; see `tables.stress_table`.
    table, bias : DataFrame
        As `pipelines.robustness.tables.stress_table` and `pipelines.robustness.tables.bias_table` make them.
    failed : DataFrame
        Images that were left out: ``set, path, reason``.
    notes : tuple of str
        Which models and images were left out, a sentence each.
    page : Path
    """

    predictions: pd.DataFrame
    table: pd.DataFrame
    bias: pd.DataFrame
    failed: pd.DataFrame
    notes: tuple[str, ...]
    page: Path

    def record(self) -> dict:
        """Return the result as JSON can hold it: findings, and a row a model, set and condition."""
        return {
            "page": str(self.page),
            "findings": [
                {"id": one.id, "level": one.level, "text": one.text} for one in findings(self.table, self.bias)
            ],
            "scores": self.table.to_dict("records"),
            "left_out": self.failed.to_dict("records"),
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Return the result as lines for a terminal."""
        return [*self.notes, *(one.line for one in findings(self.table, self.bias))]


def stress(
    report: str | None = None,
    test: StressTest = DEFAULT,
    *,
    weights: str | None = None,
    device: str = "auto",
    artifacts: Artifacts | str | Path = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
) -> StressResult:
    """Test the models of a report on their unseen labelled images under conditions; write a page on the result.

    Scores on untreated images are taken from each model's stored predictions. What is computed is kept by content and
    condition: a run that was stopped goes on where it was, and a second run computes nothing.

    Parameters
    ----------
    report : str, optional
        A report's name, which is its set's by default; by default the report of the newest model.
    test : StressTest
    weights : str, optional
        The file of the extractor's weights, if it is no longer where the models' passports say.
    device : str
        As `featex.extract` takes it.
    artifacts : Artifacts or path
        Where results are kept.
    command : str
        The command that makes the page again; printed on it.

    Raises
    ------
    DataError
        If there is no unseen image with a label, or none can be used.
    InputError
        If a name is unknown, a number out of range, or the set was extracted again from other images.
    ModelError
        If weights are needed that cannot be had, or none of the models reads pixels.
    """
    progress, artifacts = progress or Progress(), Artifacts.at(artifacts)
    tried = conditions(test.transforms, test.grades)
    if test.limit is not None and test.limit < 1:
        raise UsageError(f"--limit takes 1 image or more of each set, not {test.limit}")
    passports = _passports(report_models(report, artifacts.models), test.models)
    models, notes = _models(passports, artifacts.models, device)
    data, choice = passports[-1].data, positive_of_report(models[0].classes, passports, test.positive)
    untreated = read_predictions([model.passport for model in models], artifacts.predictions)
    images = _images(untreated[0], test, notes)
    keys, root = _keys(artifacts.features, data)
    images["key"] = keys.loc[images["path"]].to_numpy()
    readers = readers_of(models, artifacts, weights=weights, device=device, progress=progress)
    files = {key: root / path for key, path in zip(images["key"], images["path"], strict=True)}
    images, failed = _usable(images, read_images(files, tried, list(readers.values()), progress=progress), notes)
    under = predict_all(models, images.pop("key").tolist(), tried, readers)
    answers = _all_predictions(images, models, untreated, under, tried)
    positive = choice and choice.name
    table, bias = stress_table(answers, positive, seed=test.seed), bias_table(answers, positive)
    page = artifacts.stress / data.set / "index.html"
    result = StressResult(answers, table, bias, failed, tuple(notes), page)
    facts = {
        "images": "; ".join(f"{n:,} of {name}" for name, n in images["set"].value_counts(sort=False).items()),
        "models": ", ".join(model.name for model in models),
        "conditions": ", ".join(condition.name for condition in tried),
        "seed": str(test.seed),
    }
    title = f"Where the models of {passports[-1].report} break"
    _page(result, title, facts, data.images, command).write(page.parent)
    return result


def _page(result: StressResult, title: str, facts: dict[str, str], images: str, command: str) -> ResultPage:
    files = {"stress.csv": result.table, "bias.csv": result.bias, "predictions.parquet": result.predictions}
    return ResultPage(
        "stress",
        title=title,
        headline=headline(result.table),
        section=stress_section(result.table, result.bias, result.notes),
        caption=CAPTION,
        facts=facts,
        images=images,
        notices=[Notice("FX703", note) for note in result.notes],
        files=files | ({"failed.csv": result.failed} if len(result.failed) else {}),
        command=command,
    )


def _passports(passports: list[Passport], names: Sequence[str]) -> list[Passport]:
    by_name = {passport.name: passport for passport in passports}
    for name in names:
        if name not in by_name:
            raise unknown("model", name, by_name)
    return [by_name[name] for name in dict.fromkeys(names)] or passports


def _models(passports: list[Passport], directory: Path, device: str) -> tuple[list[TrainedModel], list[str]]:
    """Return the models that read pixels, and a sentence on each of the others."""
    models, notes = [], []
    for passport in passports:
        name = passport.name
        if not INPUTS[passport.reads].runs:
            notes.append(f"{name} is left out: only its scores are known here.")
            continue
        model = persist.load(directory / name, device)
        if reason := why_not_tested(model):
            notes.append(f"{name} is left out: {reason}.")
        else:
            models.append(model)
    if not models:
        raise ModelError(f"no model can be tested under conditions. {' '.join(notes)}")
    return models, notes


def _images(predictions: Predictions, test: StressTest, notes: list[str]) -> pd.DataFrame:
    """Return the unseen labelled images, or as many of them as the test takes; note a draw."""
    labelled = predictions.labelled
    rows = labelled.loc[labelled["set"] != VALIDATION, FACTS].reset_index(drop=True)
    if rows.empty:
        raise DataError("there is no unseen image with a label; add a test set, and make the report again")
    drawn = rows if test.limit is None else _drawn(rows, test.limit, test.seed)
    if len(drawn) < len(rows):
        images = count(test.limit, "image")
        notes.append(f"At most {images} of each set were drawn at random, of each class by its share.")
    return drawn


def _usable(images: pd.DataFrame, reasons: dict[str, str], notes: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images that every reader could read, and those that failed with the reason; note how many failed."""
    bad = images["key"].isin(list(reasons)).to_numpy()
    failed = images.loc[bad, ["set", "path"]].assign(reason=images.loc[bad, "key"].map(reasons))
    if bad.all():
        raise DataError(f"{none_usable(len(images), 'image')} ({failed.iloc[0]['reason']})")
    if bad.any():
        notes.append(f"{count(len(failed), 'image')} could not be read under each condition; failed.csv lists them.")
    return images[~bad].reset_index(drop=True), failed


def _drawn(rows: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """Return at most `limit` rows of each set, drawn at random, of each class by its share; in their order."""
    lot = pd.Series(np.random.default_rng(seed).random(len(rows)), rows.index)
    by_class = lot.groupby([rows["set"], rows["label"]])
    place = (by_class.rank() - 0.5) / by_class.transform("size")  # of each class evenly from 0 to 1
    taken = (place + 1e-9 * lot).groupby(rows["set"]).rank() <= limit
    return rows[taken].reset_index(drop=True)


def _keys(directory: Path, data: DataFacts) -> tuple[pd.Series, Path]:
    """Return the content keys of a set's images by path, and the folder that paths are relative to."""
    sets = [stored for stored in stored_sets(directory) if stored.name == data.set]
    sets = sets or [find_set(directory, data.set)]  # whose error lists the sets that exist
    for stored in reversed(sets):  # of any extractor: the newest may be of other images
        rows, root = stored.read()
        if images_digest(rows) == data.images:
            return rows.set_index("path")["key"], root
    raise InputError(
        f"the set {data.set!r} was extracted again, from other images than its models were trained and tested on; "
        "make the report again"
    )


def _all_predictions(images, models, untreated, under, tried: Sequence[Condition]) -> pd.DataFrame:
    """Return what `stress_table` takes: the stored predictions for untreated images, then those under conditions."""
    parts, names = [], [None, *tried]
    classes = models[0].classes
    columns = [PROB + label for label in classes]
    for model, before in zip(models, untreated, strict=True):
        stored = before.table.set_index(["set", "path"]).loc[pd.MultiIndex.from_frame(images[["set", "path"]])]
        p, decided = under[model.name]
        p = p[..., [model.classes.index(label) for label in classes]]
        facts = pd.concat([images] * len(names), ignore_index=True).assign(model=model.name)
        facts["predicted"] = np.concatenate([stored["predicted"].to_numpy(str), decided.ravel()])
        facts[columns] = np.concatenate([stored[columns].to_numpy(), p.reshape(-1, len(classes))])
        facts["transform"] = np.repeat([one.transform if one else "" for one in names], len(images))
        facts["grade"] = np.repeat([one.grade if one else np.nan for one in names], len(images))
        parts.append(facts)
    table = pd.concat(parts, ignore_index=True)
    texts = ["model", "set", "path", "label", "predicted", "transform", "source", "group"]
    table = table.astype(dict.fromkeys(texts, "category"))  # each comes once for each model and condition
    return table[[*texts[:5], *columns, "transform", "grade", "source", "group"]]
