"""What models reach together."""

import numpy as np
import pytest

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.combinations import Combinations
from iqbench.benchmark.comparisons import Comparisons


def together(rows, resamples=50):
    sample = sample_of(frame(rows), resamples=resamples)
    return sample, Combinations(sample)


def test_the_pairs_to_look_at_are_those_of_opposite_and_sure_verdicts_one_per_photo():
    chances = {"a": [0.99, 0.9, 0.2, 0.8, 0.6], "b": [0.05, 0.2, 0.9, 0.9, 0.4]}
    photos = ["./0.png", "./0.png", "./1.png", "./2.png", "./3.png"]
    rows = [
        row(name, photo, "blur", str(at), chance - 0.5, at, probability=chance)
        for name, of_model in chances.items()
        for at, (photo, chance) in enumerate(zip(photos, of_model, strict=True))
    ]
    (agreement,) = together(rows)[1].agreement()
    looks = [(look.photo, look.level) for look in agreement.disagreements]
    assert looks == [("./0.png", "0"), ("./1.png", "2"), ("./3.png", "4")]  # both are sure of ./2.png and agree
    first = agreement.disagreements[0]
    assert (first.probability_a, first.probability_b) == (pytest.approx(0.99), pytest.approx(0.05))


@pytest.mark.slow
def test_choosing_among_equal_models_gains_nothing_while_hindsight_seems_to():
    random, gains, seeming = np.random.default_rng(0), [], []
    for _ in range(20):
        rows = [
            row(name, f"./{photo:02}.png", kind, "1", 1.0 if random.random() < 0.7 else -1.0)
            for name in "abcdef"
            for photo in range(30)
            for kind in ("blur", "jpeg", "crop_edge")
        ]
        sample, models = together(rows)
        comparisons = Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips)
        accuracy = sample.asked.groupby(["model_name", "degradation_type"])["correct"].mean()
        best = models.best_per_type(winners_of(comparisons, accuracy, sample))
        gains.append(best.value)
        seeming.append(best.hindsight)
    assert np.mean(gains) == pytest.approx(0.7, abs=0.02)
    assert np.mean(seeming) > 0.78


def winners_of(comparisons, accuracy, sample):
    from iqbench.statistics.estimate import Accuracy

    return comparisons.winners(
        {name: {kind: Accuracy(accuracy=accuracy[name, kind]) for kind in sample.types} for name in sample.models}
    )


def test_a_single_model_leaves_no_choice():
    rows = [row("a", f"./{at}.png", "blur", "1", 1.0) for at in range(4)]
    sample, models = together(rows)
    comparisons = Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips)
    accuracy = sample.asked.groupby(["model_name", "degradation_type"])["correct"].mean()
    best = models.best_per_type(winners_of(comparisons, accuracy, sample))
    assert (best.value, best.reason, best.hindsight) == (None, "there is only one model to choose from", 1.0)
