"""The published table, fed in as data: its numbers come back, with intervals, and only some of its claims stand."""

import numpy as np
import pytest

from fixtures.slow_statistics import jeffreys_interval, unweighted
from fixtures.verdict_tables import frame, row, summary_of_table

PAIRS = {"jpeg": 5, "crop_edge": 4, "crop_aspect": 4, "crop_center": 2, "crop_corner": 4, "blur": 4, "exposure": 4}
"""Levels of each type; 50 photos of each."""

TABLE = {
    "siamese": (89.9, [100.0, 96.5, 94.5, 94.0, 85.5, 84.5, 74.0]),
    "ava": (81.9, [95.2, 67.0, 73.0, 68.0, 76.0, 92.5, 91.0]),
    "rules": (68.4, [89.6, 55.5, 45.0, 38.0, 51.5, 100.0, 78.5]),
}
"""Accuracy in % over all pairs, and on each type in that order: 50 photos, 1,350 pairs a model."""


def published():
    """Rows that give the table; which photos a model fails on is made up, some are harder than others for all."""
    random, rows = np.random.default_rng(0), []
    ease = random.normal(size=50)
    for name, (_, shares) in TABLE.items():
        for (kind, levels), share in zip(PAIRS.items(), shares, strict=True):
            cells = [(photo, level) for photo in range(50) for level in range(1, levels + 1)]
            order = np.argsort([-ease[photo] - level + random.normal() for photo, level in cells])
            right = set(order[: round(share / 100 * len(cells))].tolist())
            for at, (photo, level) in enumerate(cells):
                rows.append(row(name, f"./{photo:02}.jpg", kind, str(level), 1 if at in right else -1, severity=level))
    return frame(rows)


@pytest.fixture(scope="module")
def summary():
    return summary_of_table(published(), resamples=2000)


@pytest.mark.parametrize("name", TABLE)
def test_its_numbers_come_back_each_within_its_interval(summary, name):
    overall, shares = TABLE[name]
    model = summary.models[name]
    assert model.overall.n == 1350
    assert 100 * model.overall.value == pytest.approx(overall, abs=0.06)
    for kind, share in zip(PAIRS, shares, strict=True):
        statistics = model.by_degradation[kind]
        assert 100 * statistics.value == pytest.approx(share, abs=0.06)
        assert statistics.interval[0] <= statistics.value <= statistics.interval[1]
    low, high = model.overall.interval
    assert 0.02 < high - low < 0.2


def test_the_best_of_the_three_per_type_is_what_it_was(summary):
    assert 100 * summary.best_per_type.hindsight == pytest.approx(94.7, abs=0.06)
    assert 100 * summary.best_per_type.value == pytest.approx(94.7, abs=0.06)  # chosen on other photos, the same
    assert summary.best_per_type.choice == {
        **dict.fromkeys(("jpeg", "crop_edge", "crop_aspect", "crop_center", "crop_corner"), "siamese"),
        "blur": "rules",
        "exposure": "ava",
    }


def test_some_of_its_claims_stand_and_some_do_not(summary):
    assert [(model.model, model.place) for model in summary.ranking] == [("siamese", 1), ("ava", 2), ("rules", 3)]
    better = {kind: winner.better for kind, winner in summary.by_degradation_winner.items()}
    assert better["crop_edge"] == better["crop_aspect"] == better["crop_center"] == "siamese"
    assert better["blur"] == "rules"
    assert summary.by_degradation_winner["blur"].runner_up == "ava"


def test_with_the_original_always_first_its_winner_is_a_tie_by_position(summary):
    says_first = published()
    says_first = says_first[says_first["model_name"] == "siamese"].assign(
        correct=0.5, margin=0.0, order_consistent=False, prediction=None
    )
    overall = summary_of_table(says_first.astype({"prediction": "Int64"}), resamples=100).models["siamese"].overall
    assert (overall.value, overall.order_consistency, overall.verdict) == (0.5, 0.0, "not shown")
    assert overall.interval == pytest.approx(jeffreys_interval(unweighted([[0.5] * 27] * 50)))
    assert overall.order_consistency_interval == pytest.approx(jeffreys_interval(unweighted([[0.0] * 27] * 50)))
