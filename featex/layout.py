"""The folders that commands and flows read and write, by what they hold."""

from dataclasses import dataclass
from pathlib import Path

DATA = Path("data")
SAMPLE = DATA / "sample"


@dataclass(frozen=True)
class Artifacts:
    """The folder that holds everything computed, with one folder in it for each kind of thing.

    Parameters
    ----------
    root : Path
        By default ``artifacts`` in the working folder.
    """

    root: Path = Path("artifacts")

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def studies(self) -> Path:
        return self.root / "studies"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def gallery(self) -> Path:
        return self.root / "gallery"

    @property
    def looks(self) -> Path:
        return self.root / "looks"

    @property
    def audits(self) -> Path:
        return self.root / "audits"

    @property
    def stress(self) -> Path:
        return self.root / "stress"

    @property
    def net_scores(self) -> Path:
        """Scores of nets for images under conditions, a folder for each trained net."""
        return self.root / "net_scores"

    @property
    def transfer(self) -> Path:
        return self.root / "transfer"

    @property
    def travel(self) -> Path:
        return self.root / "travel"

    @property
    def sections(self) -> tuple[Path, ...]:
        """Where pipelines write pages on a set of images; a report on the same images shows their main part too."""
        return self.audits, self.stress, self.transfer, self.travel


ARTIFACTS = Artifacts()
