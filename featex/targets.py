"""The one rule for a command without a target: it takes the newest of what it reads, or the folder data/, and says so.

====================================  ======================================================
what a command reads                  its default
====================================  ======================================================
a folder of images                    ``data/``
a set of features                     the newest set
a report, or the models of one        the report of the newest model
====================================  ======================================================
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from featex.errors import InputError
from featex.layout import DATA, SAMPLE, Artifacts

if TYPE_CHECKING:
    from featex.system.progress import Progress  # which takes longer than all of --help

NEWEST_SET, NEWEST_REPORT, DATA_FOLDER = "the newest set", "the report of the newest model", f"{DATA}/"
"""The defaults, in the words of help texts."""


def newest(given: str | None, names: Sequence[str], rule: str, missing: str, progress: "Progress") -> str:
    """Return the target that was given, or by default the last of `names`, and say which that is.

    Parameters
    ----------
    given : str or None
    names : sequence of str
        What there is, oldest first.
    rule : str
        The default in words, such as `NEWEST_SET`.
    missing : str
        What to say, with the command that mends it, if there is nothing.

    Raises
    ------
    InputError
        If nothing is given and there is nothing.
    """
    if given is not None:
        return given
    if not names:
        raise InputError(missing)
    progress.say(f"{names[-1]} ({rule})")
    return names[-1]


def set_target(given: str | None, artifacts: Artifacts, progress: "Progress") -> str:
    """Return the name of the set of features that a command works on."""
    from featex.store.features import stored_sets  # here, since --help needs no pandas

    names = [] if given is not None else [stored.name for stored in stored_sets(artifacts.features)[-1:]]
    missing = f"there is no set of features in {artifacts.features} yet; make one: featex extract DIR"
    return newest(given, names, NEWEST_SET, missing, progress)


def folder_target(given: str | None, progress: "Progress") -> Path:
    """Return the folder of images that a command works on."""
    missing = f"there is no folder {DATA} here; name a folder of images, or make a sample: pipelines sample ({SAMPLE})"
    return Path(newest(given, [str(DATA)] if DATA.is_dir() else [], "the default folder", missing, progress))
