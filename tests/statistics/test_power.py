import numpy as np
import pytest

from iqbench.statistics.power import Power
from iqbench.statistics.sign_flips import SignFlips


def simulated(photos, difference, runs, seed=0, models=3):
    """Return for each run the differences of every two models, of which the first is better by ``difference``."""
    random = np.random.default_rng(seed)
    accuracy = np.array([0.75 + difference] + [0.75] * (models - 1))
    right = (random.random((runs, photos, 27, models)) < accuracy).sum(axis=2)
    return [
        np.stack([right[run, :, 0] - right[run, :, other] for other in range(1, models)], axis=1) for run in range(runs)
    ]


def counts(sums):
    return np.full(sums.shape, 27.0)


@pytest.mark.parametrize("photos", [10, 30, 120])
def test_the_least_difference_is_shown_in_about_80_percent_of_benchmarks(photos):
    (pilot,) = simulated(40, 0.0, 1, seed=7)
    power = Power.of(SignFlips(40), pilot.astype(float), counts(pilot))
    least = power.least_difference(photos)
    shown = [SignFlips(photos).test(sums.astype(float))[1][0] < 0.05 for sums in simulated(photos, least, 200)]
    assert 0.65 <= np.mean(shown) <= 0.95


def test_more_photos_show_smaller_differences_and_the_number_for_a_difference_is_the_smallest_that_does():
    (pilot,) = simulated(30, 0.05, 1)
    power = Power.of(SignFlips(30), pilot.astype(float), counts(pilot))
    least = [power.least_difference(photos) for photos in (8, 20, 80, 1000)]
    assert least == sorted(least, reverse=True)
    needed = power.clusters_for(0.03)
    assert power.least_difference(needed) <= 0.03 < power.least_difference(needed - 1)


def test_five_photos_can_show_nothing_and_no_number_shows_a_difference_of_nearly_nothing():
    (pilot,) = simulated(30, 0.05, 1)
    power = Power.of(SignFlips(30), pilot.astype(float), counts(pilot))
    assert power.least_difference(5) == np.inf
    assert power.clusters_for(1e-9) is None


def test_models_with_the_same_verdicts_do_not_promise_that_any_difference_would_show():
    power = Power.of(SignFlips(50), np.zeros((50, 1)), np.full((50, 1), 27.0))
    assert power.least_difference(50) == pytest.approx(1 - 0.025 ** (1 / 50))  # what 50 photos can miss
