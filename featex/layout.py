"""The folders that commands and flows read and write, by what they hold."""

from pathlib import Path

DATA = Path("data")
SAMPLE = DATA / "sample"


class Artifacts:
    """The folder that holds everything computed, with one folder in it for each kind of thing.

    Parameters
    ----------
    root : path
        By default ``artifacts`` in the working folder.
    """

    def __init__(self, root: str | Path = "artifacts"):
        self.root = Path(root)

    def __repr__(self) -> str:
        return f"Artifacts({str(self.root)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifacts) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    @classmethod
    def at(cls, place: "Artifacts | str | Path") -> "Artifacts":
        """Return `place` itself, or the artifacts in the folder that it names."""
        return place if isinstance(place, cls) else cls(place)

    features = property(lambda self: self.root / "features")
    studies = property(lambda self: self.root / "studies")
    models = property(lambda self: self.root / "models")
    predictions = property(lambda self: self.root / "predictions")
    reports = property(lambda self: self.root / "reports")
    gallery = property(lambda self: self.root / "gallery")
    looks = property(lambda self: self.root / "looks")
    audits = property(lambda self: self.root / "audits")
    stress = property(lambda self: self.root / "stress")
    net_scores = property(lambda self: self.root / "net_scores")  # of images under conditions, a folder for each net
    transfer = property(lambda self: self.root / "transfer")
    travel = property(lambda self: self.root / "travel")
    demo = property(lambda self: self.root / "demo")  # the demo's normalised images

    @property
    def sections(self) -> tuple[Path, ...]:
        """The folders of pages on a set of images; a report on the same images shows their main part too."""
        return self.audits, self.stress, self.transfer, self.travel


ARTIFACTS = Artifacts()
