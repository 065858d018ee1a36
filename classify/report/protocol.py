"""What scores alone do not say: whether differences are real, when to answer at all, what hindsight would add."""

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import p_value
from classify.predictions import VALIDATION, set_title
from classify.report.differences import folds_in_words, in_words, seen_from, worth_saying
from classify.report.sentences import drift_sentences, rule_sentences
from classify.stats.evaluation import Evaluation

YES_NO = {True: "yes", False: "no"}


def opening(evaluation: Evaluation, model: str | None) -> list[str]:
    """Return what the opening of a page says of a model, beside its scores."""
    rules, drift = (table[table["model"] == model] for table in (evaluation.rules, evaluation.drift))
    warnings = drift_sentences(drift[drift["unlike"].astype(bool)]) if len(drift) else []
    return [*worth_saying(evaluation.pairs, model, evaluation.baselines), *rule_sentences(rules), *warnings]


def protocol(evaluation: Evaluation) -> list[Section]:
    """Return the parts of a page on what scores alone do not say."""
    return [_differences(evaluation), _hindsight(evaluation), _unsure(evaluation)]


def _differences(evaluation: Evaluation) -> Section:
    pairs, over_folds = (seen_from(table, evaluation.chosen) for table in (evaluation.pairs, evaluation.fold_pairs))
    sentences = [
        *(in_words(row) for _, row in pairs.iterrows()),
        *(folds_in_words(row) for _, row in over_folds.iterrows()),
    ]
    about = (
        "Models on the same images: McNemar's test, or where images stand in groups one that keeps these whole; "
        "the difference with its paired 95 % interval. Over folds: the t test corrected for training images that "
        "folds share. All p are corrected for the number of comparisons (Holm); “needed” is how many images would "
        "tell such a difference apart four times in five."
    )
    tables = [
        Table("differences", "On unseen images", _pairs(evaluation.pairs), most=60),
        Table("differences-folds", "Over folds of cross-validation", _over_folds(evaluation.fold_pairs), most=30),
    ]
    title = "Is the difference real?"
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
        "What the best threshold would have got, chosen on the very images that it is judged on: no result, but "
        "how much the threshold that was fixed in advance loses. By about its optimism it is higher than the same "
        "threshold would get on new images."
    )
    mark = evaluation.chosen or ""
    table = Table("hindsight", "At the best threshold", rows, percent=percent, most=60, mark=mark)
    return Section("hindsight", "The threshold, in hindsight", tables=[table], about=about)


def _unsure(evaluation: Evaluation) -> Section:
    rules, drift = evaluation.rules[evaluation.rules["set"] != VALIDATION], evaluation.drift
    answers = pd.DataFrame({"model": rules["model"], "set": rules["set"].map(set_title), "n": rules["n"]})
    answers["answers from"] = rules["least"]
    titles = {"answered": "answered", "error": "wrong among these", "accuracy": "right if all were"}
    for name, title in titles.items():
        answers = answers.assign(**_with_ends(rules, name, title))
    answers["promise"] = rules["promise"]
    sureness = pd.DataFrame({"model": drift["model"], "set": drift["set"].map(set_title)})
    titles = {"sure": "sure on average", "sure_reference": "out of fold", "distance": "distance"}
    sureness = sureness.assign(**{title: drift[column] for column, title in titles.items()})
    sureness["p"] = drift["p"].map(_p)
    sureness["unlike"] = drift["unlike"].map(YES_NO)
    about = (
        "A third answer: each model keeps quiet below a probability, chosen on out-of-fold images so that with "
        "95 % confidence no more than the promised share of its answers is wrong, on images like those and in "
        "groups of like sizes. On unlike images nothing is promised; how sure a model is of a set, against how "
        "sure it was out of fold, tells some of these."
    )
    mark = evaluation.chosen or ""
    tables = [
        Table("unsure", "Three answers", answers, percent=("answers from",), most=60, mark=mark),
        Table("drift", "How sure, and how sure out of fold", sureness, ("sure on average", "out of fold"), most=60),
    ]
    sentences = drift_sentences(drift) if len(drift) else []
    return Section("unsure", "When to say “unsure”", sentences, [one for one in tables if len(one.rows)], about=about)


def _with_ends(rows: pd.DataFrame, name: str, title: str) -> dict[str, pd.Series]:
    """Return a score's columns under its title, as `classify.pages.sections.Table` shows an interval."""
    return {f"{title}{end.replace('_', ' ')}": rows[f"{name}{end}"] for end in ("", "_low", "_high")}


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"model": rows["model_a"], "against": rows["model_b"], "set": rows["set"].map(set_title)})
    shown["n"] = rows["n"]
    for name, title in {"accuracy_a": "right", "accuracy_b": "right, against"}.items():
        shown[title] = rows[name].map("{:.1%}".format)
    shown = shown.assign(**_tested(rows), needed=rows["needed"].map(_images))
    return shown.assign(**_with_ends(rows, "auc_difference", "difference of ROC AUC"))


def _over_folds(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"model": rows["model_a"], "against": rows["model_b"], "score": rows["scoring"]})
    return shown.assign(folds=rows["folds"], **_tested(rows))


def _tested(rows: pd.DataFrame) -> dict:
    return {
        **_with_ends(rows, "difference", "difference"),
        "p": rows["p"].map(_p),
        "p, corrected": rows["p_holm"].map(_p),
        "told apart": rows["apart"].map(YES_NO),
    }


def _p(p: float) -> str:
    return p_value(p).removeprefix("p ").removeprefix("= ")


def _images(needed: float) -> str:
    return "—" if pd.isna(needed) else f"{needed:,.0f}" if needed < 1e6 else "over a million"
