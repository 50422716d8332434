"""The P-test: originals against degraded copies of other photos."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.p_test import p_test


def scored(photos, drop, seed=0, spread=1.0, clusters=None):
    """Return rows of a scorer: each photo has its own quality, and each severity lowers the score by ``drop``."""
    random = np.random.default_rng(seed)
    rows = []
    for at, quality in enumerate(random.normal(size=photos) * spread):
        for severity in (1, 2):
            scores = {"score_original": quality, "score_degraded": quality - drop * severity}
            rows.append(row("a", f"./{at}.png", "blur", str(severity), 1.0, severity, **scores))
    table = frame(rows)
    return table if clusters is None else table.assign(cluster=table["original"].map(clusters))


def steps(table, resamples=300):
    sample = sample_of(table, resamples=resamples)
    return p_test(sample.of_model("a"), sample.types, sample.bootstrap, sample.protocol)


def test_it_is_the_share_of_all_pairs_of_different_photos():
    table = scored(9, drop=0.4)
    for step in steps(table)["blur"]:
        of_step = table[table["severity"] == step.severity]
        pairs = [
            np.sign(first.score_original - second.score_degraded)
            for first, second in itertools.permutations(of_step.itertuples(), 2)
        ]
        assert step.n == 9 * 8
        assert step.value == pytest.approx(np.mean([(sign + 1) / 2 for sign in pairs]))
        assert step.interval[0] <= step.value <= step.interval[1]


def test_more_damage_is_seen_across_more_photos_and_a_blind_model_is_at_chance():
    mild, harsh = steps(scored(40, drop=1.0))["blur"]
    assert 0.5 < mild.value < harsh.value < 1.0
    blind = steps(scored(40, drop=0.0))["blur"][0]
    assert blind.value == pytest.approx(0.5)


def test_photos_of_one_cluster_are_not_paired():
    clusters = {f"./{at}.png": f"./{at // 2}.png" for at in range(8)}
    step = steps(scored(8, drop=1.0, clusters=clusters))["blur"][0]
    assert step.n == 8 * 8 - 4 * 2 * 2


def test_a_model_without_scores_and_a_single_photo_have_no_p_test():
    assert steps(frame([row("a", "./0.png", "blur", "1", 1.0)])) == {}
    (first, _) = steps(scored(1, drop=1.0))["blur"]
    assert (first.value, first.reason) == (None, "there is no pair of different photos")


@pytest.mark.slow
def test_the_interval_holds_the_value_of_many_photos():
    truth = steps(scored(2000, drop=0.5, seed=1), resamples=1)["blur"][0].value
    held = 0
    for seed in range(100):
        low, high = steps(scored(15, drop=0.5, seed=100 + seed), resamples=200)["blur"][0].interval
        held += low <= truth <= high
    assert held >= 90
    assert isinstance(truth, float)
    assert pd.notna(truth)
