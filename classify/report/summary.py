"""A written report in a few lines: the table with which a command ends, and the same numbers as a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from classify.pages.words import spread, with_interval
from classify.predictions import set_title
from classify.stats.evaluation import Evaluation
from featex.system.output import Table


@dataclass(frozen=True, eq=False)
class Report:
    """A report that was written.

    Parameters
    ----------
    page : Path
    evaluation : Evaluation
    kept : mapping of str to str
        The names under which models are kept, by their names in the report.
    """

    page: Path
    evaluation: Evaluation
    kept: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of the report, which is that of its folder."""
        return self.page.parent.name

    @property
    def chosen(self) -> str | None:
        """Name under which the chosen model is kept."""
        return self.kept.get(self.evaluation.chosen)

    def table(self) -> Table:
        """Return accuracy in cross-validation and on each unseen set, of the chosen model first and baselines last."""
        sets, rows = self.evaluation.sets, []
        for model in self.evaluation.predictions.models:
            known = self.evaluation.scores_of(model)
            cells = [with_interval(known.loc[name]) if name in known.index else "" for name in sets]
            note = {self.evaluation.chosen: " (chosen)"}.get(model, "")
            note = " (metadata-only baseline)" if model in self.evaluation.baselines else note
            rows.append([f"{model}{note}", self._validated(model), *cells])
        return Table(["model", "cross-validation (optimistic)", *map(set_title, sets)], rows)

    def record(self) -> dict:
        """Return the same numbers, of 0 to 1, by model and set, as JSON can hold them."""
        evaluation = self.evaluation
        return {
            "report": self.name,
            "page": str(self.page),
            "chosen": self.chosen,
            "scoring": evaluation.scoring,
            "positive": evaluation.positive,
            "sets": list(evaluation.sets),
            "models": [self._model(model) for model in evaluation.predictions.models],
        }

    def _model(self, model: str) -> dict:
        fold, scores = self._folds(model), self.evaluation.scores_of(model)
        return {
            "model": self.kept.get(model, model),
            "chosen": model == self.evaluation.chosen,
            "baseline": model in self.evaluation.baselines,
            "cross_validation": None if fold is None else {"accuracy": fold["mean"], "std": fold["std"]},
            "scores": {
                row["set"]: {
                    "accuracy": row["accuracy"],
                    "accuracy_low": row["accuracy_low"],
                    "accuracy_high": row["accuracy_high"],
                    "n": int(row["n"]),
                }
                for _, row in scores.iterrows()
            },
        }

    def _validated(self, model: str) -> str:
        fold = self._folds(model)
        return "" if fold is None else spread(fold)

    def _folds(self, model: str) -> pd.Series | None:
        folds = self.evaluation.folds
        rows = folds[(folds["scoring"] == "accuracy") & (folds["model"] == model)]
        return None if rows.empty else rows.iloc[0]
