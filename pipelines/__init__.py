"""Whole flows, from a folder of images to a report; each is a command and a function of the same name.

>>> from pipelines import audit, normalise, prepare
>>> prepare("raw", "clean").counts  # doctest: +SKIP
{'kept': 3, 'review': 4, 'cropped': 5, 'split': 0, 'dropped': 6, 'refused': 0}
>>> audit("clean").lines()  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from featex.system.public import on_first_use

if TYPE_CHECKING:
    from pipelines.auditing.audit import audit
    from pipelines.cleaning.normalise import Form, normalise
    from pipelines.cleaning.prepare import prepare
    from pipelines.comparison.compare import Comparison, compare
    from pipelines.doctor import diagnose
    from pipelines.robustness.stress import StressTest, stress

__all__ = ["Comparison", "Form", "StressTest", "audit", "compare", "diagnose", "normalise", "prepare", "stress"]

_HOMES = {
    "audit": "pipelines.auditing.audit",
    "Form": "pipelines.cleaning.normalise",
    "normalise": "pipelines.cleaning.normalise",
    "prepare": "pipelines.cleaning.prepare",
    "Comparison": "pipelines.comparison.compare",
    "compare": "pipelines.comparison.compare",
    "diagnose": "pipelines.doctor",
    "StressTest": "pipelines.robustness.stress",
    "stress": "pipelines.robustness.stress",
}

__getattr__ = on_first_use(__name__, _HOMES)
