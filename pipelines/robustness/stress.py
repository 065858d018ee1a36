"""stress: the unseen images of a report under each condition, to all its models that see pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classify.errors import DataError, ModelError
from classify.positive import positive_of_report
from classify.predictions import PROB, VALIDATION, Predictions
from classify.trained import persist
from classify.trained.imported import READS
from classify.trained.model import TrainedModel
from classify.tuning.plan import images_digest
from classify.workspace import read_predictions, report_models
from featex.errors import InputError, unknown
from featex.layout import ARTIFACTS, Artifacts
from featex.store.features import find_set, stored_sets
from featex.system.progress import Progress
from featex.system.words import count
from pipelines.result_page import ResultPage
from pipelines.robustness.conditions import FULL, Condition, conditions
from pipelines.robustness.page import CAPTION, headline, stress_section
from pipelines.robustness.predict import bring, judge
from pipelines.robustness.readers import blind, eyes_of
from pipelines.robustness.sentences import sentences
from pipelines.robustness.tables import bias_table, stress_table

FACTS = ["set", "path", "label", "source", "group"]


@dataclass(frozen=True, eq=False)
class Stressed:
    """What a stress run found, and its page.

    Parameters
    ----------
    said : DataFrame
        What each model said of each image, as it is and under each condition; see `tables.stress_table`.
    table, bias : DataFrame
        As `pipelines.robustness.tables.stress_table` and `pipelines.robustness.tables.bias_table` make them.
    failed : DataFrame
        Images that were left out: ``set, path, reason``.
    notes : tuple of str
        Which models and images were left out, a sentence each.
    page : Path
    """

    said: pd.DataFrame
    table: pd.DataFrame
    bias: pd.DataFrame
    failed: pd.DataFrame
    notes: tuple[str, ...]
    page: Path

    def lines(self) -> list[str]:
        """Return what to say of it at a command line."""
        return [*self.notes, *sentences(self.table, self.bias)]


def stress_set(
    report: str | None = None,
    *,
    models: Sequence[str] = (),
    transforms: Sequence[str] = (),
    grades: str = FULL,
    limit: int | None = None,
    positive: str | None = None,
    seed: int = 0,
    weights: str | None = None,
    device: str = "auto",
    artifacts: Artifacts = ARTIFACTS,
    command: str = "",
    progress: Progress | None = None,
) -> Stressed:
    """Show the models of a report their unseen labelled images under conditions, and write a page on what they say.

    Of images as they are that stands which each model's predictions say already. What is computed is kept by content
    and condition, so that a run that was stopped goes on, and one that was done computes nothing.

    Parameters
    ----------
    report : str, optional
        A report's name, which is its set's unless told otherwise; by default that of the newest model.
    models : sequence of str
        Names of models; none stands for all of the report that see pixels.
    transforms, grades
        As `pipelines.robustness.conditions.conditions` takes them.
    limit : int, optional
        Images of each set at most, drawn at random, of each class by its share.
    positive : str, optional
        The positive one of two classes; by default the report's.
    seed : int
        Of that draw, and of intervals.
    weights : str, optional
        Where the extractor's weights are now, if not where the models' passports say.
    device
        As `featex.extract` takes them.
    artifacts : Artifacts
        Where results are kept.
    command : str
        What makes the page again; printed on it.

    Raises
    ------
    DataError
        If there is no unseen image with a label, or none can be used.
    InputError
        If a name is unknown, a number out of range, or the set was extracted anew from other images.
    ModelError
        If weights are needed that cannot be had, or none of the models sees pixels.
    """
    progress, tried = progress or Progress(), conditions(transforms, grades)
    if limit is not None and limit < 1:
        raise InputError(f"a set is stressed on 1 image or more, not {limit}")
    chosen = _chosen(report_models(report, artifacts.models), models)
    tested, notes = _seeing(chosen, artifacts.models, device)
    data, choice = chosen[-1]["data"], positive_of_report(tested[0].classes, chosen, positive)
    positive = choice and choice.name
    said = read_predictions([model.passport for model in tested], artifacts.predictions)
    rows = _unseen(said[0])
    drawn = rows if limit is None else _drawn(rows, limit, seed)
    if len(drawn) < len(rows):
        notes.append(f"Of each set at most {count(limit, 'image')} were drawn at random, of each class by its share.")
    paths, root = _keys(artifacts.features, data)
    keys = paths.loc[drawn["path"]].to_numpy()
    eyes = eyes_of(tested, artifacts, weights=weights, device=device, progress=progress)
    images = {key: root / path for key, path in zip(keys, drawn["path"], strict=True)}
    reasons = bring(images, tried, list(eyes.values()), progress=progress)
    bad = np.array([key in reasons for key in keys])
    failed = drawn.loc[bad, ["set", "path"]].assign(reason=[reasons[key] for key in keys[bad]])
    if bad.all():
        raise DataError(f"none of {count(len(drawn), 'image')} can be used ({failed.iloc[0]['reason']})")
    if bad.any():
        notes.append(f"{count(len(failed), 'image')} left out, which cannot be had under each condition: failed.csv.")
    drawn = drawn[~bad].reset_index(drop=True)
    table = _gathered(drawn, tested, said, judge(tested, list(keys[~bad]), tried, eyes), tried)
    found = stress_table(table, positive, seed=seed), bias_table(table, positive)
    files = {"stress.csv": found[0], "bias.csv": found[1], "predictions.parquet": table}
    page = ResultPage(
        "stress",
        title=f"Where the models of {chosen[-1]['report']} break",
        headline=headline(found[0]),
        section=stress_section(*found, notes),
        caption=CAPTION,
        facts={
            "images": "; ".join(f"{n:,} of {name}" for name, n in drawn["set"].value_counts(sort=False).items()),
            "models": ", ".join(model.name for model in tested),
            "conditions": ", ".join(condition.name for condition in tried),
            "seed": str(seed),
        },
        images=data["images"],
        notices=notes,
        files=files | ({"failed.csv": failed} if len(failed) else {}),
        command=command,
    )
    return Stressed(table, *found, failed, tuple(notes), page.write(artifacts.stress / data["set"]))


def _chosen(passports: list[dict], names: Sequence[str]) -> list[dict]:
    there = {passport["name"]: passport for passport in passports}
    for name in names:
        if name not in there:
            raise unknown("model", name, there)
    return [there[name] for name in dict.fromkeys(names)] or passports


def _seeing(passports: list[dict], directory: Path, device: str) -> tuple[list[TrainedModel], list[str]]:
    """Return the models that other pixels can change the mind of, and a sentence on each of the others."""
    models, notes = [], []
    for passport in passports:
        name = passport["name"]
        if passport["reads"] == READS:
            notes.append(f"{name} is left out: it is known here by its scores alone.")
            continue
        model = persist.load(directory / name, device)
        if why := blind(model):
            notes.append(f"{name} is left out: {why}.")
        else:
            models.append(model)
    if not models:
        raise ModelError(f"there is no model to show images under conditions. {' '.join(notes)}")
    return models, notes


def _unseen(said: Predictions) -> pd.DataFrame:
    rows = said.labelled.loc[said.labelled["set"] != VALIDATION, FACTS].reset_index(drop=True)
    if rows.empty:
        raise DataError("there is no unseen image with a label; add a test set, and make the report again")
    return rows


def _drawn(rows: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """Return at most `limit` rows of each set, drawn at random, of each class by its share; in their order."""
    lot = pd.Series(np.random.default_rng(seed).random(len(rows)), rows.index)
    by_class = lot.groupby([rows["set"], rows["label"]])
    place = (by_class.rank() - 0.5) / by_class.transform("size")  # of each class evenly from 0 to 1
    taken = (place + 1e-9 * lot).groupby(rows["set"]).rank() <= limit
    return rows[taken].reset_index(drop=True)


def _keys(directory: Path, data: dict) -> tuple[pd.Series, Path]:
    """Return the content keys of a set's images by path, and the folder that paths are relative to."""
    named = [stored for stored in stored_sets(directory) if stored.name == data["set"]]
    named = named or [find_set(directory, data["set"])]  # which says what there is
    for stored in reversed(named):  # of whichever extractor: the newest may be of other images
        rows, root = stored.read()
        if images_digest(rows) == data["images"]:
            return rows.set_index("path")["key"], root
    raise InputError(
        f"the set {data['set']!r} was extracted anew from other images than its models were trained and judged on; "
        "make the report again"
    )


def _gathered(drawn, models, said, judged, tried: Sequence[Condition]) -> pd.DataFrame:
    """Return what `stress_table` takes: each image as it is, by the model's own predictions, then under conditions."""
    parts, names = [], [None, *tried]
    classes = models[0].classes
    columns = [PROB + label for label in classes]
    for model, before in zip(models, said, strict=True):
        own = before.table.set_index(["set", "path"]).loc[pd.MultiIndex.from_frame(drawn[["set", "path"]])]
        p, decided = judged[model.name]
        p = p[..., [model.classes.index(label) for label in classes]]
        facts = pd.concat([drawn] * len(names), ignore_index=True).assign(model=model.name)
        facts["predicted"] = np.concatenate([own["predicted"].to_numpy(str), decided.ravel()])
        facts[columns] = np.concatenate([own[columns].to_numpy(), p.reshape(-1, len(classes))])
        facts["transform"] = np.repeat([one.transform if one else "" for one in names], len(drawn))
        facts["grade"] = np.repeat([one.grade if one else np.nan for one in names], len(drawn))
        parts.append(facts)
    table = pd.concat(parts, ignore_index=True)
    texts = ["model", "set", "path", "label", "predicted", "transform", "source", "group"]
    table = table.astype(dict.fromkeys(texts, "category"))  # each comes once for each model and condition
    return table[[*texts[:5], *columns, "transform", "grade", "source", "group"]]
