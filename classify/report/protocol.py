"""Parts of a page beside the scores: differences between models, the best threshold, and when to answer "unsure"."""

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import p_value
from classify.predictions import VALIDATION, set_title
from classify.report.differences import chosen_against_others, fold_sentence, pair_sentence, pairs_of
from classify.report.sentences import drift_sentences, rule_sentences
from classify.stats.abstention import BROKEN, KEPT
from classify.stats.evaluation import Evaluation

YES_NO = {True: "yes", False: "no"}


def opening(evaluation: Evaluation, model: str | None) -> list[str]:
    """Return what the opening of a page says about a model beside its scores."""
    rules, drift = (table[table["model"] == model] for table in (evaluation.rules, evaluation.drift))
    warnings = drift_sentences(drift[drift["unlike"].astype(bool)]) if len(drift) else []
    return [*chosen_against_others(evaluation.pairs, model, evaluation.baselines), *rule_sentences(rules), *warnings]


def protocol(evaluation: Evaluation) -> list[Section]:
    """Return the parts of a page on differences, hindsight and unsure answers."""
    return [_differences(evaluation), _hindsight(evaluation), _unsure(evaluation)]


def _differences(evaluation: Evaluation) -> Section:
    pairs, over_folds = (pairs_of(table, evaluation.chosen) for table in (evaluation.pairs, evaluation.fold_pairs))
    sentences = [
        *(pair_sentence(row) for _, row in pairs.iterrows()),
        *(fold_sentence(row) for _, row in over_folds.iterrows()),
    ]
    about = (
        "Two models are compared on the same images by McNemar's test; where images form groups, the test keeps each "
        "group whole. Differences have paired 95 % intervals. Scores over folds are compared by a t test that corrects "
        "for shared training images. Corrected p values (Holm) count all comparisons of a table. “needed” is how many "
        "images it takes to show the difference with 80 % power."
    )
    tables = [
        Table("differences", "On unseen images", _pairs(evaluation.pairs), most=60),
        Table("differences-folds", "Over folds of cross-validation", _over_folds(evaluation.fold_pairs), most=30),
    ]
    title = "Are differences between models real?"
    return Section("differences", title, sentences, [table for table in tables if len(table.rows)], about=about)


def _hindsight(evaluation: Evaluation) -> Section:
    best = evaluation.hindsight
    if best.empty:
        return Section("hindsight", "")
    rows = pd.DataFrame({"model": best["model"], "set": best["set"].map(set_title), "threshold": best["threshold"]})
    for name, title in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
        rows[f"{title} fixed in advance"] = best[f"{name}_fixed"]
        rows = rows.assign(**_with_ends(best, name, title))
        rows[f"{title}: optimism"] = best[f"{name}_optimism"]
    percent = tuple(name for name in rows if name.endswith(("advance", "optimism")))
    about = (
        "The best threshold is chosen on the same images that it is scored on. Its score is no result: it shows how "
        "much the threshold that was fixed in advance loses. On new images the same threshold would score lower, by "
        "about the optimism."
    )
    mark = evaluation.chosen or ""
    table = Table("hindsight", "At the best threshold", rows, percent=percent, most=60, mark=mark)
    return Section("hindsight", "The best threshold in hindsight", tables=[table], about=about)


def _unsure(evaluation: Evaluation) -> Section:
    rules, drift = evaluation.rules[evaluation.rules["set"] != VALIDATION], evaluation.drift
    answers = pd.DataFrame({"model": rules["model"], "set": rules["set"].map(set_title), "n": rules["n"]})
    answers["threshold"] = rules["least"]
    titles = {"answered": "answered", "error": "error rate of answers", "accuracy": "accuracy if all were answered"}
    for name, title in titles.items():
        answers = answers.assign(**_with_ends(rules, name, title))
    answers["target met"] = rules["promise"].replace({KEPT: "yes", BROKEN: "no"})
    sureness = pd.DataFrame({"model": drift["model"], "set": drift["set"].map(set_title)})
    titles = {"sure": "mean confidence", "sure_reference": "mean confidence out of fold", "distance": "distance"}
    sureness = sureness.assign(**{title: drift[column] for column, title in titles.items()})
    sureness["p"] = drift["p"].map(_p)
    sureness["unlike"] = drift["unlike"].map(YES_NO)
    about = (
        "Below a probability threshold, a model answers “unsure”. The threshold is set on out-of-fold images so that, "
        "with 95 % confidence, at most the target share of its answers is wrong on images like those, in groups of "
        "similar sizes. Nothing is promised for other images. Some sets of other images show in the second table, "
        "which compares how confident a model is on a set with how confident it was out of fold."
    )
    mark = evaluation.chosen or ""
    tables = [
        Table("unsure", "Three answers", answers, percent=("threshold",), most=60, mark=mark),
        Table(
            "drift",
            "Confidence on each set and out of fold",
            sureness,
            ("mean confidence", "mean confidence out of fold"),
            most=60,
        ),
    ]
    sentences = drift_sentences(drift) if len(drift) else []
    return Section("unsure", "When to say “unsure”", sentences, [one for one in tables if len(one.rows)], about=about)


def _with_ends(rows: pd.DataFrame, name: str, title: str) -> dict[str, pd.Series]:
    """Return a score's columns under its title, as `classify.pages.sections.Table` shows an interval."""
    return {f"{title}{end.replace('_', ' ')}": rows[f"{name}{end}"] for end in ("", "_low", "_high")}


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"model": rows["model_a"], "other model": rows["model_b"], "set": rows["set"].map(set_title)})
    shown["n"] = rows["n"]
    for name, title in {"accuracy_a": "accuracy", "accuracy_b": "accuracy of the other"}.items():
        shown[title] = rows[name].map("{:.1%}".format)
    shown = shown.assign(**_tested(rows), needed=rows["needed"].map(_images))
    return shown.assign(**_with_ends(rows, "auc_difference", "difference of ROC AUC"))


def _over_folds(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"model": rows["model_a"], "other model": rows["model_b"], "score": rows["scoring"]})
    return shown.assign(folds=rows["folds"], **_tested(rows))


def _tested(rows: pd.DataFrame) -> dict:
    return {
        **_with_ends(rows, "difference", "difference"),
        "p": rows["p"].map(_p),
        "p, corrected": rows["p_holm"].map(_p),
        "significant": rows["apart"].map(YES_NO),
    }


def _p(p: float) -> str:
    return p_value(p).removeprefix("p ").removeprefix("= ")


def _images(needed: float) -> str:
    return "—" if pd.isna(needed) else f"{needed:,.0f}" if needed < 1e6 else "over a million"
