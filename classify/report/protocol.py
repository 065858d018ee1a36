"""Parts of a page beside the scores: differences between models, the best threshold, and when to answer "unsure"."""

import pandas as pd

from classify.pages.sections import Section, Table
from classify.pages.words import p_value
from classify.predictions import VALIDATION, set_title
from classify.report.differences import chosen_against_others
from classify.report.sentences import drift_sentences, novelty_sentences, rule_sentences
from classify.stats.abstention import BROKEN, KEPT
from classify.stats.evaluation import Evaluation

YES_NO = {True: "yes", False: "no"}
MOST_ALIKE = 3  # sentences of one pattern; more of them are a table only
NOVELTY_SHARES = ("out of distribution", "error rate on these", "error rate on others")


def opening(evaluation: Evaluation, model: str | None) -> list[str]:
    """Return what the opening of a page says about a model beside its scores."""
    rules, drift = (table[table["model"] == model] for table in (evaluation.rules, evaluation.drift))
    warnings = drift_sentences(drift[drift["unlike"].astype(bool)]) if len(drift) else []
    return [*chosen_against_others(evaluation.pairs, model, evaluation.baselines), *rule_sentences(rules), *warnings]


def protocol(evaluation: Evaluation) -> list[Section]:
    """Return the folded parts of a page on unsure answers, images unlike the training images, and hindsight."""
    return [_unsure(evaluation), _unlike(evaluation), _hindsight(evaluation)]


def differences(evaluation: Evaluation) -> Section:
    """Return all pairs of models as tables; `classify.report.matrix` shows them at a glance."""
    about = (
        "Accuracy of the row's model less that of the column's, in points. Two models are compared on the same images "
        "by McNemar's test; where images form groups, the test keeps each group whole. Scores over folds are compared "
        "by a t test that corrects for shared training images. P values are corrected (Holm) for all comparisons."
    )
    mark = evaluation.chosen or ""
    needed = "“needed”: how many images it takes to show the difference with 80 % power. Intervals are 95 %."
    tables = [
        Table("differences", "On unseen images", _pairs(evaluation.pairs), most=60, mark=mark, about=needed),
        Table(
            "differences-folds",
            "Over folds of cross-validation",
            _over_folds(evaluation.fold_pairs),
            most=30,
            mark=mark,
        ),
    ]
    tables = [table for table in tables if len(table.rows)]
    return Section("differences", "Differences between models", tables=tables, about=about)


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
    summary = "what the threshold loses that was fixed in advance"
    return _fold("hindsight", "The best threshold in hindsight", summary, tables=[table], about=about)


def _unsure(evaluation: Evaluation) -> Section:
    rules = evaluation.rules[evaluation.rules["set"] != VALIDATION]
    answers = pd.DataFrame({"model": rules["model"], "set": rules["set"].map(set_title), "n": rules["n"]})
    answers["threshold"] = rules["least"]
    titles = {"answered": "answered", "error": "error rate of answers", "accuracy": "accuracy if all were answered"}
    for name, title in titles.items():
        answers = answers.assign(**_with_ends(rules, name, title))
    answers["target met"] = rules["promise"].replace({KEPT: "yes", BROKEN: "no"})
    about = (
        "Below a probability threshold, a model answers “unsure”. The threshold is set on out-of-fold images so that, "
        "with 95 % confidence, at most the target share of its answers is wrong on images like those, in groups of "
        "similar sizes. Nothing is promised for other images."
    )
    table = Table("unsure", "Three answers", answers, percent=("threshold",), most=60, mark=evaluation.chosen or "")
    mine = rule_sentences(rules[rules["model"] == evaluation.chosen])
    tables = [table] if len(answers) else []
    summary = "how many images a model answers if few of its answers may be wrong"
    return _fold("unsure", "When to say “unsure”", summary, mine if len(mine) <= MOST_ALIKE else [], tables, about)


def _unlike(evaluation: Evaluation) -> Section:
    """Return what tells that images differ from the training images: their features, and the confidence on a set."""
    drift, chosen = evaluation.drift, evaluation.chosen
    sureness = pd.DataFrame({"model": drift["model"], "set": drift["set"].map(set_title)})
    titles = {"sure": "mean confidence", "sure_reference": "mean confidence out of fold", "distance": "distance"}
    sureness = sureness.assign(**{title: drift[column] for column, title in titles.items()})
    sureness["p"] = drift["p"].map(_p)
    sureness["out of distribution"] = drift["unlike"].map(YES_NO)
    about = (
        "A model can be just as confident, and wrong, on images unlike any that it has seen, so a “no” in these tables "
        "proves nothing."
    )
    mark = chosen or ""
    of_images = "Images whose features are unlike those of all training images; by chance 1 % are."
    of_sets = "How confident a model is on a set, and how confident it was out of fold."
    tables = [
        Table("novelty", "Images", _novelty(evaluation), NOVELTY_SHARES, most=60, mark=mark, about=of_images),
        Table("drift", "Sets", sureness, tuple(titles.values())[:2], most=60, mark=mark, about=of_sets),
    ]
    mine = novelty_sentences(chosen, evaluation.facts[chosen].novelty) if chosen else []
    tables = [one for one in tables if len(one.rows)]
    summary = "images unlike the training images, on which scores do not hold"
    return _fold("novelty", "Out of distribution", summary, mine if len(mine) <= MOST_ALIKE else [], tables, about)


def _novelty(evaluation: Evaluation) -> pd.DataFrame:
    rows = []
    for model in evaluation.predictions.models:
        for name, numbers in evaluation.facts[model].novelty.items():
            others = numbers["n"] - numbers["unlike"]
            row = {"model": model, "set": set_title(name), "n": numbers["n"]}
            row["out of distribution"] = _share(numbers["unlike"], numbers["n"])
            row["error rate on these"] = (
                numbers["wrong unlike"] / numbers["unlike"] if numbers["unlike"] else float("nan")
            )
            row["error rate on others"] = numbers["wrong others"] / others if others else float("nan")
            rows.append(row | {"p of more than chance": _p(numbers["p"])})
    return pd.DataFrame(rows)


def _share(part: int, of: int) -> float:
    return part / of if of else float("nan")


def _fold(name: str, title: str, summary: str, sentences=(), tables=(), about: str = "") -> Section:
    group = "Details"
    return Section(name, title, sentences, tables, about=about, folded=True, summary=summary, group=group)


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
