"""The record of a run of prepare: a row for each file, the list for review, contact sheets, a few lines to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from featex.system.disk import born_whole
from featex.system.shown import shown_table
from featex.system.words import count
from pipelines.images.contact_sheet import contact_sheet
from pipelines.images.new_folder import by_class

ACTIONS = ("kept", "review", "cropped", "split", "dropped", "refused")
SHOWN = 96
"""Most files on a sheet; the tables list all."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What `prepare` did, or what it would do in a dry run.

    Parameters
    ----------
    folder : Path or None
        Where the images are; None after a dry run.
    report : Path
        Folder of ``prepared.csv`` (`table`), ``review.csv`` (`review`) and the sheets.
    table : DataFrame
        A row for each file of the source, ordered by path: ``path, label, split``; ``action`` (`ACTIONS`); ``rule``
        that acted, or would act on a file left for review (several joined by ";"); ``confidence`` (0 to 1, the least
        of these rules, NaN without one); ``why``; ``written`` (paths joined by ";", "" for none); ``saved`` (how,
        where the file was not copied unchanged) and ``group`` (of the written files, "" for none).
    review : DataFrame
        A row for each judgement that a person should check: ``path, label, split, rule, would`` (crop, split, drop;
        report where no rule ever acts), ``confidence, why, other`` (the file that it is a copy of).
    acted : DataFrame
        The same columns for the judgements that were sure and acted on.
    rules : dict of str to str
        Title of each rule that was not switched off, by name.
    n_written : int
        Files written; each part counts.
    """

    folder: Path | None
    report: Path
    table: pd.DataFrame
    review: pd.DataFrame
    acted: pd.DataFrame
    rules: dict[str, str]
    n_written: int

    @property
    def counts(self) -> dict[str, int]:
        """Number of files for each of `ACTIONS`."""
        return {action: int((self.table["action"] == action).sum()) for action in ACTIONS}

    def record(self) -> dict:
        """Return what was done as JSON can hold it."""
        return {
            "folder": self.folder and str(self.folder),
            "report": str(self.report),
            "files": len(self.table),
            "written": self.n_written,
            "actions": self.counts,
            "for_review": int(self.review["path"].nunique()),
        }

    def lines(self) -> list[str]:
        """Return what was done, in a few lines for a terminal."""
        done = "written" if self.folder else "would be written"
        lines = [f"{count(self.n_written, 'image')} {done} from {count(len(self.table), 'file')}"]
        for name, title in self.rules.items():
            acted, unsure = (events[events["rule"] == name] for events in (self.acted, self.review))
            counts = [f"{acted['path'].nunique():,} ({by_class(acted)})"] if len(acted) else ["none"]
            counts += [f"{unsure['path'].nunique():,} for review ({by_class(unsure)})"] if len(unsure) else []
            lines.append(f"{name}: {title}: {'; '.join(counts)}")
        refused = self.table[self.table["action"] == "refused"]
        if len(refused):
            lines.append(f"refused, cannot be used: {len(refused):,} ({by_class(refused)})")
        return [*lines, f"the record of each file, with reasons: {self.report}"]


def tabulate(
    table: pd.DataFrame, parts: pd.DataFrame, events: Sequence[dict], reasons: dict[int, str], saved: dict[int, str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return `table`, `review` and `acted` of a `Prepared`.

    Parameters
    ----------
    table : DataFrame
        Of the source, as `featex.datasets.dataset.find_images` returns it.
    parts : DataFrame
        A row for each file written: ``image`` (its row in `table`), ``path``, ``group``.
    events : sequence of dict
        A row for each judgement: ``image, rule, would, confidence, why, acted`` (bool), ``other`` (path or "").
    reasons, saved : dict of int to str
        By row in `table`: why a file cannot be used; how its parts were saved.
    """
    columns = ["image", "rule", "would", "confidence", "why", "acted", "other"]
    judged = pd.DataFrame(events, columns=columns).astype({"image": int, "confidence": float, "acted": bool})
    judged = judged[~judged["image"].isin(reasons)].reset_index(drop=True)
    judged = judged.astype(dict.fromkeys(("rule", "would", "why", "other"), "str"))
    by_image, written = dict(list(judged.groupby("image"))), dict(list(parts.groupby("image")))
    rows = [_row(by_image.get(i), written.get(i), reasons.get(i, ""), saved.get(i, "")) for i in range(len(table))]
    images = table[["path", "label", "split"]]
    listed = images.iloc[judged["image"]].reset_index(drop=True).join(judged.drop(columns=["image", "acted"]))
    review, acted = (listed[part].reset_index(drop=True) for part in (~judged["acted"], judged["acted"]))
    return pd.concat([images, pd.DataFrame(rows)], axis=1), review, acted


def _row(judged: pd.DataFrame | None, parts: pd.DataFrame | None, reason: str, saved: str) -> dict:
    row = {"action": "kept", "rule": "", "confidence": float("nan"), "why": "", "written": "", "saved": "", "group": ""}
    if reason:
        return row | {"action": "refused", "why": reason}
    if parts is not None:
        groups = dict.fromkeys(group for group in parts["group"] if group)
        row |= {"written": ";".join(parts["path"]), "saved": saved, "group": ";".join(groups)}
    if judged is None:
        return row
    shown = judged[judged["acted"]] if judged["acted"].any() else judged
    row["rule"] = ";".join(dict.fromkeys(shown["rule"]))
    row["confidence"] = shown["confidence"].min()
    row["why"] = "; ".join(shown["why"])
    acts = set(judged.loc[judged["acted"], "would"])
    if parts is None:
        row["action"] = "dropped"
    elif "split" in acts:
        row["action"] = "split"
    else:
        row["action"] = "cropped" if "crop" in acts else "review"
    return row


def write_report(prepared: Prepared, source: Path) -> None:
    """Write tables and contact sheets into the report folder, and delete the sheets of an older run.

    ``acted_<rule>.jpg`` shows the files of `source` that a rule acted on, ``review_<rule>.jpg`` those for review; the
    most certain come first, and each copy stands beside its original.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    _write(prepared.report / "prepared.csv", shown_table(prepared.table).to_csv(index=False).encode())
    _write(prepared.report / "review.csv", shown_table(prepared.review).to_csv(index=False).encode())
    for old in (*prepared.report.glob("acted_*.jpg"), *prepared.report.glob("review_*.jpg")):
        old.unlink()
    for what in ("acted", "review"):
        for name, events in getattr(prepared, what).groupby("rule", sort=False):
            _write(prepared.report / f"{what}_{name}.jpg", _sheet(events, source))


def _sheet(events: pd.DataFrame, source: Path) -> bytes:
    images, captions, shown = [], [], set()
    for event in events.sort_values("confidence", ascending=False, kind="stable").itertuples():
        if (event.other, event.path) in shown:  # two copies that both stay have a row each
            continue
        shown.add((event.path, event.other))
        images.append(source / event.path)
        captions.append(f"{event.path}\n{event.would}, {event.confidence:.2f}")
        if event.other:
            images.append(source / event.other)
            captions.append(f"{event.other}\n{'stays' if event.would == 'drop' else 'its copy'}")
        if len(images) >= SHOWN:
            break
    return contact_sheet(images, captions)


def _write(path: Path, data: bytes) -> None:
    with born_whole(path) as temporary:
        temporary.write_bytes(data)
