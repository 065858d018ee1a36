"""What a run of prepare did: a row for each file, the review list, sheets to look at, a few lines to read."""

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
"""Files on a sheet at most; the tables list all."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What was done, or would be.

    Parameters
    ----------
    folder : Path or None
        Where the images are; None of a dry run.
    report : Path
        Folder of ``prepared.csv`` (`table`), ``review.csv`` (`review`) and the sheets.
    table : DataFrame
        A row for every file of the source, in the order of its path: ``path, label, split``; ``action`` (`ACTIONS`);
        ``rule`` that acted, or of a file left for review that would have (several joined by ";"); ``confidence`` (0
        to 1, the least of theirs, NaN without one); ``why``; ``written`` (paths joined by ";", "" for none);
        ``saved`` (how, where the file was not copied as it is) and ``group`` (of what is written, "" for none).
    review : DataFrame
        A row for everything that a person should look at: ``path, label, split, rule, would`` (crop, split, drop;
        report for what no rule acts on), ``confidence, why, other`` (the file that it is a copy of).
    acted : DataFrame
        The same columns for what was surely found and acted on.
    rules : dict of str to str
        Title of each rule that was not switched off, by its name.
    n_written : int
        Files written; parts count each.
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
        """Files by what was done to them."""
        return {action: int((self.table["action"] == action).sum()) for action in ACTIONS}

    def lines(self) -> list[str]:
        """Return what was done, in a few lines for a terminal."""
        done = "written" if self.folder else "would be written"
        lines = [f"{count(self.n_written, 'image')} {done} of {count(len(self.table), 'file')}"]
        for name, title in self.rules.items():
            acted, unsure = (events[events["rule"] == name] for events in (self.acted, self.review))
            said = [f"{acted['path'].nunique():,} ({by_class(acted)})"] if len(acted) else ["none"]
            said += [f"{unsure['path'].nunique():,} for review ({by_class(unsure)})"] if len(unsure) else []
            lines.append(f"{name}: {title}: {'; '.join(said)}")
        refused = self.table[self.table["action"] == "refused"]
        if len(refused):
            lines.append(f"refused, for they cannot be used: {len(refused):,} ({by_class(refused)})")
        return [*lines, f"what was done to each file, and why: {self.report}"]


def tabulate(
    table: pd.DataFrame, parts: pd.DataFrame, events: Sequence[dict], reasons: dict[int, str], saved: dict[int, str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return `table`, `review` and `acted` of a `Prepared`.

    Parameters
    ----------
    table : DataFrame
        Of the source, as `featex.datasets.dataset.find_images` gives it.
    parts : DataFrame
        A row for everything written: ``image`` (its row in `table`), ``path``, ``group``.
    events : sequence of dict
        A row for everything found: ``image, rule, would, confidence, why, acted`` (bool), ``other`` (path or "").
    reasons, saved : dict of int to str
        By row in `table`: why a file cannot be used; how its parts were saved.
    """
    columns = ["image", "rule", "would", "confidence", "why", "acted", "other"]
    found = pd.DataFrame(events, columns=columns).astype({"image": int, "confidence": float, "acted": bool})
    found = found[~found["image"].isin(reasons)]
    by_image = dict(list(found.groupby("image")))
    written = dict(list(parts.groupby("image")))
    rows = [_row(by_image.get(i), written.get(i), reasons.get(i, ""), saved.get(i, "")) for i in range(len(table))]
    said = table[["path", "label", "split"]]
    listed = said.iloc[found["image"]].reset_index(drop=True).join(found.reset_index(drop=True))
    listed = listed.astype(dict.fromkeys(("rule", "would", "why", "other"), "str"))
    acted = listed.pop("acted")
    listed = listed.drop(columns="image")
    review, done = (listed[which].reset_index(drop=True) for which in (~acted, acted))
    return pd.concat([said, pd.DataFrame(rows)], axis=1), review, done


def _row(found: pd.DataFrame | None, parts: pd.DataFrame | None, reason: str, saved: str) -> dict:
    row = {"action": "kept", "rule": "", "confidence": float("nan"), "why": "", "written": "", "saved": "", "group": ""}
    if reason:
        return row | {"action": "refused", "why": reason}
    if parts is not None:
        groups = dict.fromkeys(group for group in parts["group"] if group)
        row |= {"written": ";".join(parts["path"]), "saved": saved, "group": ";".join(groups)}
    if found is None:
        return row
    shown = found[found["acted"]] if found["acted"].any() else found
    row["rule"] = ";".join(dict.fromkeys(shown["rule"]))
    row["confidence"] = shown["confidence"].min()
    row["why"] = "; ".join(shown["why"])
    acts = set(found.loc[found["acted"], "would"])
    if parts is None:
        row["action"] = "dropped"
    elif "split" in acts:
        row["action"] = "split"
    else:
        row["action"] = "cropped" if "crop" in acts else "review"
    return row


def write_report(prepared: Prepared, source: Path) -> None:
    """Write tables and sheets into the report folder, in place of those of an older run.

    Sheets show files as they are in `source`, the surest first: ``acted_<rule>.jpg`` what a rule acted on,
    ``review_<rule>.jpg`` what is for review; copies stand beside what they are copies of.

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
        if (event.other, event.path) in shown:  # of two copies that both stay each has its row
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
