"""Notices above the numbers of a report: what makes scores unreliable, or comparisons between models unfair."""

from collections.abc import Sequence

from classify.pages.codes import Notice
from classify.pages.sections import Section
from classify.pages.words import listed
from classify.predictions import Predictions, set_images, set_title
from classify.splits.partition import copies_sentence
from classify.stats.effective import LEAST
from classify.stats.evaluation import Evaluation
from classify.trained.passport import DataFacts, Passport

FEW_GROUPS = 10


def differing_images(predictions: Predictions) -> list[Notice]:
    """Return a notice for each set on which models predicted different images."""
    notices = []
    for name, part in predictions.labelled.groupby("set", sort=False):
        times = part["path"].value_counts()
        if (times < part["model"].nunique()).any():
            text = (
                f"On the {set_title(name)} the models predicted different images, so their scores are not comparable."
            )
            notices.append(Notice("FX602", text))
    return notices


def few_groups(evaluation: Evaluation) -> list[Notice]:
    """Return a notice for each unseen set whose images come from few groups, but enough for intervals.

    If there are too few groups for intervals, the scores themselves say so: see `classify.report.sentences.too_few`.
    """
    largest = evaluation.scores.sort_values("n", kind="stable").groupby("set").last()
    return [
        Notice(
            "FX601",
            f"The {set_images(name)} come from only {row['units']:.0f} groups (such as photographs or "
            "scenes), so scores on other groups may differ by more than the intervals show.",
        )
        for name, row in ((name, largest.loc[name]) for name in evaluation.sets)
        if row["units"] < min(FEW_GROUPS, row["n"]) and row["effective_units"] >= LEAST
    ]


def differing_making(passports: Sequence[Passport]) -> list[Notice]:
    """Return a notice for each difference in training data, validation and features between models."""
    notices = []
    if len({passport.data.digest for passport in passports} - {""}) > 1:
        text = "The models were trained on different data, so their scores are not comparable."
        notices.append(Notice("FX603", text))
    kinds: dict[str, list[str]] = {}
    for passport in (one for one in passports if one.cv):
        kinds.setdefault(str(passport.validation), []).append(passport.name)
    if len(kinds) > 1:
        ways = "; ".join(f"{', '.join(models)}: {kind}" for kind, models in kinds.items())
        text = (
            f"The models were validated in different ways ({ways}), so only their scores on unseen sets compare. The "
            "model is chosen among those that were validated in the same way."
        )
        notices.append(Notice("FX604", text))
    if len({passport.extractor_fingerprint for passport in passports} - {None}) > 1:
        text = "The models use features from different extractors; see how each model was made."
        notices.append(Notice("FX605", text))
    return notices


def differing_positive(passports: Sequence[Passport], positive: str | None) -> list[Notice]:
    """Return a notice on the models whose positive class is not the report's."""
    others = [p for p in passports if positive is not None and p.positive not in (None, positive)]
    if not others:
        return []
    classes = listed([f"{passport.name} ({passport.positive})" for passport in others])
    text = (
        f"The positive class of this page is {positive}; it differs from that of {classes}. Precision, recall and F1 "
        f"here refer to {positive}; the thresholds of those models refer to their own positive class."
    )
    return [Notice("FX606", text)]


def seen_in_training(passports: Sequence[Passport], chosen: str | None, sections: Sequence[Section]) -> list[Notice]:
    """Return notices on the sets whose images the chosen model has seen in training.

    They come from the model's passport, or else from an audit of the same images.
    """
    data = next((p.data for p in passports if p.data.digest and chosen in (None, p.name)), DataFacts())
    copies = [copies_sentence(name, n, sum(data.counts[name].values())) for name, n in data.copies.items()]
    copies = copies or [section.warning for section in sections if section.warning]
    return [Notice("FX607", text, "critical") for text in copies]


def of_making(passports: Sequence[Passport]) -> list[Notice]:
    """Return notices on untrained weights, and the notes of all passports."""
    notices = []
    untrained = [p for p in passports if p.extractor and not p.extractor["trained"]]
    if untrained:
        text = (
            f"The features of {listed([p.name for p in untrained])} come from an UNTRAINED "
            f"{untrained[0].extractor['backbone']} (random weights), because ImageNet weights were not available or "
            "not requested. These scores say nothing about pretrained features."
        )
        notices.append(Notice("FX608", text, "critical"))
    if started := [p.name for p in passports if p.settings.get("weights") == "random"]:
        text = (
            f"{listed(started)} started from UNTRAINED (random) weights, because ImageNet weights were not available "
            "or not requested. These scores say nothing about fine-tuned nets."
        )
        notices.append(Notice("FX608", text, "critical"))
    return notices + [Notice("FX609", text) for text in dict.fromkeys(note for p in passports for note in p.notes)]
