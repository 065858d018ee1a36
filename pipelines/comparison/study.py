"""Study: a published study, with its data, its models and settings, and the numbers that it reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from featex.datasets.dataset import find_images
from featex.errors import InputError


@dataclass(frozen=True)
class Study:
    """A published study, as its file describes it.

    Parameters
    ----------
    name : str
        The name of its file, without the ending.
    title, about, source : str
        What it is, and where it was published as far as that is known.
    directory : str
        The folder of its data below data/.
    data_name, layout, where : str
        The data set, its layout on disk, and where to get it, in words.
    sets : tuple of str
        Sets that the data must hold ("train", "test", or an external set's name).
    classes : tuple of str
        The classes of the images; () if not known.
    options : dict
        As `featex.datasets.dataset.find_images` takes them; `labels` is relative to the folder of the data.
    models : dict of str to dict
        For each model, a name in `registry.MODELS`, its settings as `classify.tuning.plan.plan` takes them.
    published : tuple of dict
        A row a number: ``model, set, called, value, n``, as `classify.report.published.beside` explains them.
    notes : tuple of str
        What to know when numbers are compared, a sentence each.
    folds : int or None
        Folds of the cross-validation; None leaves the default.
    """

    name: str
    title: str
    about: str
    source: str
    directory: str
    data_name: str
    layout: str
    where: str
    sets: tuple[str, ...]
    classes: tuple[str, ...]
    options: dict
    models: dict[str, dict]
    published: tuple[dict, ...]
    notes: tuple[str, ...]
    folds: int | None

    def published_of(self, model: str) -> dict:
        """Return the published numbers of one of its models, as a passport keeps them."""
        scores = [
            {key: row[key] for key in ("set", "called", "value", "n")}
            for row in self.published
            if row["model"] == model
        ]
        return {
            "study": self.name,
            "title": self.title,
            "source": self.source,
            "notes": list(self.notes),
            "scores": scores,
        }

    def dataset_options(self, root: Path, overrides: Mapping) -> dict:
        """Return the options of `find_images`: the study's, replaced by those of the overrides that are set."""
        options = dict(self.options)
        if "labels" in options:
            options["labels"] = root / options["labels"]
        overrides = {key: value for key, value in overrides.items() if value}
        if "group_column" in overrides:
            options.pop("group_rows", None)  # a table has groups by one of the two
        return options | overrides

    def check(self, root: Path, **options) -> None:
        """Raise InputError, with what is needed and where to get it, unless `root` holds the study's kind of data.

        Parameters
        ----------
        root : Path
        **options
            From `dataset_options`.
        """
        try:
            table = find_images(root, **options).table
        except InputError as error:
            raise InputError(f"{error}. {self._wanted(root)}") from error
        if lacking := [name for name in self.sets if name not in set(table["split"])]:
            raise InputError(f"{str(root)!r} has no set {' and no set '.join(lacking)}. {self._wanted(root)}")
        labels = sorted(set(table["label"]) - {""})
        if self.classes and labels != sorted(self.classes):
            classes = f"the classes {', '.join(labels)}" if labels else "no classes"
            raise InputError(
                f"{str(root)!r} has {classes}, not {' and '.join(sorted(self.classes))}. {self._wanted(root)}"
            )

    def _wanted(self, root: Path) -> str:
        return (
            f"The study {self.name} takes {self.data_name}, laid out as {self.layout} (where to get it: {self.where}). "
            f"Put it into {root}, or name the folder that it is in"
        )
