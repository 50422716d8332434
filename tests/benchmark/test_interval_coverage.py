"""Intervals of measures that are no proportions hold the truth in simulated benchmarks, from 8 photos on."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fixtures.verdict_tables import frame, frame_of_columns, row
from iqbench.benchmark.diagnostics import confidence
from iqbench.benchmark.monotonicity import thresholds
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig

LEVELS = 4
RUNS = 200


def margins_of(photos: int, skill: float, random: np.random.Generator) -> np.ndarray:
    """Return the margins of a judge that sees harsher levels better, and some photos better than others."""
    ease = random.normal(0, 1, (photos, 1))
    return skill * (np.arange(1, LEVELS + 1) - 1.5) + ease + random.logistic(size=(photos, LEVELS))


def measured(margins: np.ndarray, resamples: int) -> dict[str, tuple[float | None, object]]:
    """Return value and interval of the measures; the stated probability is that of the margin, without calibration."""
    names = [f"./{at:05}.png" for at in range(len(margins))]
    levels = np.tile(np.arange(1, LEVELS + 1), len(margins))
    rows = frame_of_columns(
        np.repeat(names, LEVELS),
        margins.ravel(),
        degradation_level=levels.astype(str),
        severity=levels,
        amount=levels.astype(float),
        probability=expit(margins.ravel()),
    )
    bootstrap = Bootstrap(names, BootstrapConfig(0, resamples))
    stated, threshold = confidence(rows, ["blur"], bootstrap), thresholds(rows, bootstrap)["blur"]
    return {
        "auroc": (stated.auroc, stated.auroc_interval),
        "brier": (stated.brier, stated.brier_interval),
        "threshold": (threshold.amount, threshold.interval),
    }


def holds(interval: object, truth: float) -> bool | None:
    """Return whether an interval holds the truth; None where there is no interval."""
    if not isinstance(interval, tuple):
        return None
    low, high = (np.inf if end is None else end for end in interval)
    return bool(low - 1e-9 <= truth <= high + 1e-9)


def test_a_table_of_columns_is_that_of_its_rows() -> None:
    margins = [2.0, 0.0, -1.0]
    rows = [row("a", f"{at}.png", "blur", str(at), margin, at) for at, margin in enumerate(margins, start=1)]
    levels = pd.Series([1, 2, 3])
    columns = frame_of_columns(
        [f"{at}.png" for at in levels],
        margins,
        degraded=[f"{at}.png#blur-{at}" for at in levels],
        degradation_level=levels.astype(str),
        severity=levels,
        amount=levels.astype(float),
    )
    pd.testing.assert_frame_equal(columns, frame(rows))


@pytest.mark.slow
@pytest.mark.parametrize("photos", [8, 15, 50])
@pytest.mark.parametrize("skill", [0.8, 2.5])
def test_the_intervals_of_auroc_brier_score_and_thresholds_hold(photos: int, skill: float) -> None:
    random = np.random.default_rng(1)
    truth = {name: value for name, (value, _) in measured(margins_of(10_000, skill, random), 1).items()}
    held = pd.DataFrame(
        [
            {
                name: holds(interval, float(truth[name] or np.inf))
                for name, (_, interval) in measured(margins_of(photos, skill, random), 300).items()
            }
            for _ in range(RUNS)
        ]
    )
    coverage = held.astype("boolean").mean()
    assert (coverage > 0.9).all(), coverage.to_dict()
