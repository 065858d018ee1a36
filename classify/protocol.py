"""What scores alone do not say: whether differences are real, when to answer at all, what hindsight would add."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from classify.difference_words import folds_in_words, in_words, seen_from, worth_saying
from classify.differences import folds, paired
from classify.drift import drift_table
from classify.metrics import hindsight
from classify.predictions import VALIDATION, Predictions, set_title
from classify.sections import Section, Table
from classify.selection import Group
from classify.sentences import drift_sentences, rule_sentences
from classify.unsure import UNSURE, rule_table
from classify.words import p_value


@dataclass(frozen=True, eq=False)
class Protocol:
    """The tables of `protocol`, one row a model, set or pair."""

    pairs: pd.DataFrame
    over_folds: pd.DataFrame
    rules: pd.DataFrame
    drift: pd.DataFrame
    best: pd.DataFrame

    def opening(self, chosen: str | None, blind: Collection[str] = ()) -> list[str]:
        """Return what the opening of a page says of the chosen model, beside its scores."""
        rules, drift = (table[table["model"] == chosen] for table in (self.rules, self.drift))
        warnings = drift_sentences(drift[drift["unlike"].astype(bool)]) if len(drift) else []
        return [*worth_saying(self.pairs, chosen, blind), *rule_sentences(rules), *warnings]

    def sections(self, chosen: str | None) -> Iterator[Section]:
        """Yield the parts of a page that show all of it."""
        yield self._differences(chosen)
        yield self._hindsight(chosen)
        yield self._unsure(chosen)

    def _differences(self, chosen: str | None) -> Section:
        own = seen_from(self.pairs, chosen)
        over_folds = seen_from(self.over_folds, chosen)
        said = [in_words(row) for _, row in own.iterrows()] + [folds_in_words(row) for _, row in over_folds.iterrows()]
        about = (
            "Models on the same images: McNemar's test, or where images stand in groups one that keeps these whole; "
            "the difference with its paired 95 % interval. Over folds: the t test corrected for training images that "
            "folds share. All p are corrected for the number of comparisons (Holm); “needed” is how many images would "
            "tell such a difference apart four times in five."
        )
        tables = [
            Table("differences", "On unseen images", _pairs(self.pairs), most=60, about=""),
            Table("differences-folds", "Over folds of cross-validation", _over_folds(self.over_folds), most=30),
        ]
        title = "Is the difference real?"
        return Section("differences", title, said, [table for table in tables if len(table.rows)], about=about)

    def _hindsight(self, chosen: str | None) -> Section:
        best = self.best
        if best.empty:
            return Section("hindsight", "")
        rows = pd.DataFrame({"model": best["model"], "set": best["set"].map(set_title), "threshold": best["threshold"]})
        for name, title in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy")):
            rows[f"{title} fixed in advance"] = best[f"{name}_fixed"]
            rows[title], rows[f"{title} low"], rows[f"{title} high"] = (
                best[f"{name}{end}"] for end in ("", "_low", "_high")
            )
            rows[f"{title}: optimism"] = best[f"{name}_optimism"]
        percent = tuple(name for name in rows if name.endswith(("advance", "optimism")))
        about = (
            "What the best threshold would have got, chosen on the very images that it is judged on: no result, but "
            "how much the threshold that was fixed in advance loses. By about its optimism it is higher than the same "
            "threshold would get on new images."
        )
        table = Table("hindsight", "At the best threshold", rows, percent=percent, most=60, mark=chosen or "")
        return Section("hindsight", "The threshold, in hindsight", tables=[table], about=about)

    def _unsure(self, chosen: str | None) -> Section:
        table = self.rules[self.rules["set"] != VALIDATION]
        rows = pd.DataFrame({"model": table["model"], "set": table["set"].map(set_title), "n": table["n"]})
        rows["answers from"] = table["least"]
        for name, title in (
            ("answered", "answered"),
            ("error", "wrong among these"),
            ("accuracy", "right if all were"),
        ):
            rows[title], rows[f"{title} low"], rows[f"{title} high"] = (
                table[f"{name}{end}"] for end in ("", "_low", "_high")
            )
        rows["promise"] = table["promise"]
        drift = pd.DataFrame({"model": self.drift["model"], "set": self.drift["set"].map(set_title)})
        for column, title in (("sure", "sure on average"), ("sure_reference", "out of fold"), ("distance", "distance")):
            drift[title] = self.drift[column]
        drift["p"] = self.drift["p"].map(_p)
        drift["unlike"] = self.drift["unlike"].map({True: "yes", False: "no"})
        about = (
            "A third answer: each model keeps quiet below a probability, chosen on out-of-fold images so that with "
            "95 % confidence no more than the promised share of its answers is wrong, on images like those and in "
            "groups of like sizes. On unlike images nothing is promised; how sure a model is of a set, against how "
            "sure it was out of fold, tells some of these."
        )
        tables = [
            Table("unsure", "Three answers", rows, percent=("answers from",), most=60, mark=chosen or ""),
            Table("drift", "How sure, and how sure out of fold", drift, ("sure on average", "out of fold"), most=60),
        ]
        said = drift_sentences(self.drift) if len(self.drift) else []
        return Section("unsure", "When to say “unsure”", said, [one for one in tables if len(one.rows)], about=about)


def protocol(
    predictions: Predictions,
    scores: pd.DataFrame,
    positive: str | None,
    scoring: str,
    alike: Sequence[Group] | None = None,
) -> Protocol:
    """Return all that can be said of predictions beside their scores.

    Parameters
    ----------
    scores : DataFrame
        Of `classify.metrics.score_table`.
    scoring : str
        The score that models were tuned for.
    alike : sequence of Group, optional
        Models that were validated alike: only these are compared over folds. By default all that have the same folds.
    """
    best = hindsight(predictions, positive)
    if len(best):
        fixed = scores[["model", "set", "accuracy", "balanced_accuracy"]]
        best = best.merge(fixed, on=["model", "set"], suffixes=("", "_fixed"))
    return Protocol(
        paired(predictions, positive),
        folds(predictions, scoring, positive, None if alike is None else [group.models for group in alike]),
        rule_table(predictions, rules={} if UNSURE in predictions.classes else None),
        drift_table(predictions),
        best,
    )


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"model": rows["model_a"], "against": rows["model_b"], "set": rows["set"].map(set_title)})
    shown["n"] = rows["n"]
    for name in ("accuracy_a", "accuracy_b"):
        shown[{"accuracy_a": "right", "accuracy_b": "right, against"}[name]] = rows[name].map("{:.1%}".format)
    shown = shown.assign(**_tested(rows), needed=rows["needed"].map(_images))
    for end in ("", "_low", "_high"):
        shown[f"difference of ROC AUC{end.replace('_', ' ')}"] = rows[f"auc_difference{end}"]
    return shown


def _over_folds(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"model": rows["model_a"], "against": rows["model_b"], "score": rows["scoring"]})
    return shown.assign(folds=rows["folds"], **_tested(rows))


def _tested(rows: pd.DataFrame) -> dict:
    return {
        "difference": rows["difference"],
        "difference low": rows["difference_low"],
        "difference high": rows["difference_high"],
        "p": rows["p"].map(_p),
        "p, corrected": rows["p_holm"].map(_p),
        "told apart": rows["apart"].map({True: "yes", False: "no"}),
    }


def _p(p: float) -> str:
    return p_value(p).removeprefix("p ").removeprefix("= ")


def _images(needed: float) -> str:
    return "—" if pd.isna(needed) else f"{needed:,.0f}" if needed < 1e6 else "over a million"
