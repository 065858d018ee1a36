"""Claims of the tool hold in simulations, here a tenth of each; `python -m benchmarks.simulations` runs them whole."""

import pytest

from benchmarks.simulations.__main__ import run, subjects

LONG = ("audit", "calibration", "near_copies", "verdict")  # each of which has other tests of the same rule
SUBJECTS = [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in subjects()]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_tenth_of_each_simulation_upholds_its_claims(subject):
    claims = run(subject, scale=0.1, seed=0)
    assert claims
    for claim in claims:
        assert claim.holds, str(claim)
