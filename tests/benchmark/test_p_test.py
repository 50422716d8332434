"""The P-test: originals against degraded copies of other photos."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.cross_pairs import ANSWER_COLUMNS, cross_sample, partners, scored_answers
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


def steps(table, resamples=300, across=None):
    sample = sample_of(table, resamples=resamples, across=across)
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


def without_scores(table):
    return table.assign(score_original=np.nan, score_degraded=np.nan)


def answers_of(*margins):
    """Return answers about pairs of photos: (original, photo, severity, margin)."""
    rows = [("a", f"./{first}.png", f"./{photo}.png", f"blur/{step}", margin) for first, photo, step, margin in margins]
    return pd.DataFrame(rows, columns=ANSWER_COLUMNS)


def test_a_model_without_scores_is_judged_on_the_pairs_of_its_sample():
    across = answers_of(
        (0, 1, 1, 2.0), (1, 0, 1, -1.0), (1, 2, 1, 0.0), (2, 0, 1, 1e-6), (0, 2, 2, 3.0), (2, 1, 2, 1.0)
    )
    mild, harsh = steps(without_scores(scored(4, drop=1.0)), across=across)["blur"]
    assert (mild.value, mild.n, mild.photos, mild.sampled) == (0.5, 4, 3, True)  # right, wrong, and two ties
    assert (harsh.value, harsh.n, harsh.severity) == (1.0, 2, 2)
    assert harsh.interval[0] < 0.5  # three photos prove little
    assert harsh.interval[1] == 1.0


def test_pairs_of_one_cluster_and_of_unjudged_copies_are_left_out():
    clusters = {"./0.png": "./0.png", "./1.png": "./0.png", "./2.png": "./2.png"}
    table = without_scores(scored(3, drop=1.0, clusters=clusters))
    failed = (table["original"] == "./2.png") & (table["severity"] == 2)
    table.loc[failed, "status"] = "nonfinite"
    across = answers_of(*((a, b, step, 1.0) for a, b in itertools.permutations(range(3), 2) for step in (1, 2)))
    (mild,) = steps(table, across=across)["blur"]
    assert mild.n == 4


@pytest.mark.parametrize("seed", range(4))
def test_scores_and_a_sample_of_all_pairs_give_the_same_numbers(seed):
    draw = np.random.default_rng(seed)
    table = scored(9, drop=0.3, seed=seed, clusters={f"./{at}.png": f"./{max(at, 1)}.png" for at in range(9)})
    scores = table[["score_original", "score_degraded"]] + draw.normal(size=(len(table), 2)) * 0.01
    table[scores.columns] = scores.round(1)  # so that some are equal, but for rounding errors
    own = table["original"] == "./0.png"  # ties within a cluster, which are no pairs of different photos
    table.loc[own, "score_degraded"] = table.loc[own, "score_original"]
    table["score_degraded"] += draw.choice([-1e-7, 1e-7], size=len(table))
    names = cross_sample(table["original"].unique().tolist())
    across = scored_answers(table, partners(names))
    assert len(across) == 9 * 8 * 2
    by_scores, by_sample = steps(table)["blur"], steps(without_scores(table), across=across)["blur"]
    for first, second in zip(by_scores, by_sample, strict=True):
        assert (first.n, first.photos, first.severity) == (second.n, second.photos, second.severity)
        assert (first.value, *first.interval) == pytest.approx((second.value, *second.interval), abs=1e-12)
        assert (first.sampled, second.sampled) == (False, True)


@pytest.mark.slow
def test_the_interval_holds_the_value_of_many_photos():
    truth = steps(scored(2000, drop=0.5, seed=1), resamples=1)["blur"][0].value
    held = 0
    for seed in range(100):
        low, high = steps(scored(15, drop=0.5, seed=100 + seed), resamples=200)["blur"][0].interval
        held += low <= truth <= high
    assert held >= 90


@pytest.mark.slow
def test_the_interval_of_a_sample_holds_the_value_of_many_photos():
    truth = steps(scored(2000, drop=0.5, seed=1), resamples=1)["blur"][0].value
    held = 0
    for seed in range(100):
        table = scored(40, drop=0.5, seed=100 + seed)
        across = scored_answers(table, partners(cross_sample(table["original"].unique().tolist())))
        low, high = steps(without_scores(table), resamples=200, across=across)["blur"][0].interval
        held += low <= truth <= high
    assert held >= 90
