"""How good an ensemble is said to be on photos that it was not fitted on."""

import numpy as np
import pytest

from fixtures.verdict_tables import frame_of_columns
from iqbench.benchmark import cross_fit
from iqbench.benchmark.stacking_data import StackingData
from iqbench.benchmark.tables import CELL
from iqbench.models.ensemble_file import EnsembleMember
from iqbench.protocol import Protocol


def claims(photos: int, kind: str, runs: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of simulated fits whose table claims that stacking is above its best member, on other photos.

    Photos differ in how hard they are, for all members alike. ``twin``: the second member is the first with a little
    noise. ``noise``: it knows nothing. ``independent``: it is as good as the first, with errors of its own.
    """
    monkeypatch.setattr(cross_fit, "protocol_of", lambda runs: Protocol("standard", "both", 0.5, 1e-5))
    found = 0
    for seed in range(runs):
        random = np.random.default_rng([seed, photos])
        hard = np.repeat(random.normal(0.0, 0.5, photos), 8)
        first = 0.8 + hard + random.normal(0.0, 1.0, 8 * photos)
        second = {
            "twin": first + random.normal(0.0, 0.05, 8 * photos),
            "noise": random.normal(0.0, 1.0, 8 * photos),
            "independent": 0.8 + hard + random.normal(0.0, 1.0, 8 * photos),
        }[kind]
        levels = np.tile(np.arange(8), photos)
        verdicts = frame_of_columns(
            np.repeat([f"./{photo:03}.png" for photo in range(photos)], 8),
            np.ones(8 * photos),
            degradation_level=levels.astype(str),
            severity=levels,
        )
        pairs = verdicts[[*CELL, "cluster"]].assign(a=first, b=second)
        members = [EnsembleMember(name=name, fingerprint="", seed=0, settings={}) for name in "ab"]
        judged = cross_fit.cross_fit(StackingData(members, pairs, verdicts, pairs[:0], 0, []))
        found += judged.differences["stacking"].verdict == "stacking better"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("photos", [30, 100])
@pytest.mark.parametrize("kind", ["twin", "noise"])
def test_a_member_that_adds_nothing_is_rarely_claimed_to_add(
    kind: str, photos: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claims(photos, kind, 20, monkeypatch) <= 2  # 2.5 % on this side, and the noise of 20 runs


@pytest.mark.slow
@pytest.mark.parametrize(("photos", "least"), [(30, 2), (100, 14)])
def test_a_member_with_errors_of_its_own_is_found_to_add(
    photos: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claims(photos, "independent", 20, monkeypatch) >= least
