"""Every default path under data/ and artifacts/, by name. Only the command lines and pipelines read it."""

from pathlib import Path

DATA = Path("data")
SAMPLE = DATA / "sample"

ARTIFACTS = Path("artifacts")
FEATURES = ARTIFACTS / "features"
STUDIES = ARTIFACTS / "studies"
MODELS = ARTIFACTS / "models"
PREDICTIONS = ARTIFACTS / "predictions"
REPORTS = ARTIFACTS / "reports"
LOOKS = ARTIFACTS / "looks"
AUDITS = ARTIFACTS / "audits"
GALLERY = ARTIFACTS / "gallery"
STRESS = ARTIFACTS / "stress"
TRANSFER = ARTIFACTS / "transfer"
TRAVEL = ARTIFACTS / "travel"
SAID = ARTIFACTS / "said"
"""What nets said of images under conditions: a folder a net, so that one that was trained anew is asked anew."""
FOUND = (AUDITS, STRESS, TRANSFER, TRAVEL)
"""What pipelines find out about a set beside its scores; reports on the same images show it too."""
