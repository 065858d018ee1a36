"""What a reader must know before any number: what spoils the scores of a report, or keeps them from being compared."""

from collections.abc import Sequence

import numpy as np

from classify.pages.sections import Section
from classify.pages.words import listed
from classify.predictions import VALIDATION, Predictions, set_title
from classify.splits.partition import copies_sentence
from classify.stats.effective import LEAST, kish, units
from classify.trained.passport import DataFacts, Passport

FEW_GROUPS = 10


def differing_images(predictions: Predictions) -> list[str]:
    """Return a notice for each set on which not all models judged the same images."""
    notices = []
    for name, part in predictions.labelled.groupby("set", sort=False):
        times = part["path"].value_counts()
        if (times < part["model"].nunique()).any():
            notices.append(f"On {set_title(name)} the models judged different images, so their scores do not compare.")
    return notices


def few_groups(predictions: Predictions) -> list[str]:
    """Return a notice for each unseen set whose images come from a handful of groups, yet enough for intervals.

    Where they are too few for these, the scores themselves say so: see `classify.report.sentences.too_few`.
    """
    notices = []
    unseen = predictions.labelled[predictions.labelled["set"] != VALIDATION]
    for name, part in unseen.groupby("set", sort=False):
        part = part.drop_duplicates("path")
        sizes = np.bincount(units(part["group"], len(part)))
        if len(sizes) < min(FEW_GROUPS, len(part)) and kish(sizes) >= LEAST:
            notices.append(
                f"The images of {set_title(name)} come from {len(sizes)} groups only (such as photographs or scenes): "
                "scores on other groups may differ by more than the intervals say."
            )
    return notices


def differing_making(passports: Sequence[Passport]) -> list[str]:
    """Return a notice for what models were not given alike: data, validation, features."""

    notices = []
    if len({passport.data.digest for passport in passports} - {""}) > 1:
        notices.append("The models were not trained on the same data, so their scores do not compare.")
    if len(kinds := dict.fromkeys(str(passport.validation) for passport in passports if passport.cv)) > 1:
        notices.append(
            f"The models were validated in different ways ({'; '.join(kinds)}), so a model is chosen among those that "
            "were validated alike."
        )
    if len({passport.extractor_fingerprint for passport in passports} - {None}) > 1:
        notices.append("The models read features of different extractors; see how each was made.")
    return notices


def differing_positive(passports: Sequence[Passport], positive: str | None) -> list[str]:
    """Return a notice of the models whose positive class is not the report's."""
    others = [p for p in passports if positive is not None and p.positive not in (None, positive)]
    if not others:
        return []
    classes = listed([f"{passport.name} ({passport.positive})" for passport in others])
    return [
        f"The positive class of this page is {positive}, and not of {classes}. Precision, recall and F1 here are of "
        f"{positive}; the thresholds of those models are of their own class."
    ]


def seen_in_training(passports: Sequence[Passport], chosen: str | None, sections: Sequence[Section]) -> list[str]:
    """Return what a page must begin with: of which sets the chosen model has seen images in training.

    The model's passport knows; else what an audit found out of the same images is taken.
    """
    data = next((p.data for p in passports if p.data.digest and chosen in (None, p.name)), DataFacts())
    copies = [copies_sentence(name, n, sum(data.counts[name].values())) for name, n in data.copies.items()]
    return copies or [section.warning for section in sections if section.warning]


def of_making(passports: Sequence[Passport]) -> list[str]:
    """Return notices of how models were made: untrained weights, and whatever their passports note."""
    notices = []
    untrained = [p for p in passports if p.extractor and not p.extractor["trained"]]
    if untrained:
        notices.append(
            f"The features of {', '.join(p.name for p in untrained)} come from an UNTRAINED "
            f"{untrained[0].extractor['backbone']} (random weights): ImageNet weights could not be had, or were not "
            "asked for. Judge no deep features by these scores."
        )
    if started := [p.name for p in passports if p.settings.get("weights") == "random"]:
        notices.append(
            f"{listed(started)} started from UNTRAINED (random) weights: ImageNet weights could not be had, or were "
            "not asked for. Judge no fine-tuned net by these scores."
        )
    return [*notices, *dict.fromkeys(note for passport in passports for note in passport.notes)]
