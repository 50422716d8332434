"""Three answers about two models: better, within the margin, or too close to call."""

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.comparisons import Comparisons
from iqbench.errors import UsageError
from iqbench.protocol import Protocol


def verdicts(accuracies: tuple[float, ...], photos: int, margin: float | None, seed: int = 0) -> list[str]:
    random, rows = np.random.default_rng(seed), []
    for photo in range(photos):
        luck = random.random(20)  # the same pairs are easy for all models
        for name, accuracy in zip("abc", accuracies, strict=False):
            rows += [
                row(name, f"./{photo:03}.png", "blur", str(at), 1.0 if value < accuracy else -1.0, at)
                for at, value in enumerate(luck)
            ]
    sample = sample_of(frame(rows))
    comparisons = Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips, margin)
    return [difference.verdict for difference in comparisons.pairwise()]


def test_a_margin_gives_a_third_answer() -> None:
    assert verdicts((0.8, 0.8), 200, margin=0.05) == ["within 5 points"]
    assert verdicts((0.8, 0.8), 200, margin=None) == ["too close to call"]
    assert verdicts((0.9, 0.6), 200, margin=0.05) == ["a better"]
    assert verdicts((0.8, 0.8), 8, margin=0.05) == ["too close to call"]


@pytest.mark.slow
def test_models_that_differ_by_the_margin_are_rarely_called_within_it() -> None:
    claims = sum(verdicts((0.80, 0.75), 60, 0.05, seed) == ["within 5 points"] for seed in range(60))
    assert claims <= 6  # one-sided 5 %, and the noise of 60 runs


@pytest.mark.parametrize("margin", [0, -1, 101])
def test_a_margin_that_is_no_number_of_points_is_refused(margin: float) -> None:
    with pytest.raises(UsageError, match=rf"protocol\.margin={margin}: must be above 0"):
        Protocol("standard", "both", 0.5, 0.0, margin)


def test_the_margin_is_that_of_the_protocol_in_percentage_points() -> None:
    from iqbench.benchmark.comparisons import comparisons_of

    rows = [row(name, f"./{at:03}.png", "blur", "1", 1.0) for name in "ab" for at in range(200)]
    sample = sample_of(pd.DataFrame(frame(rows)))
    sample.protocol = Protocol("standard", "both", 0.5, 1e-5, margin=2)
    assert [difference.verdict for difference in comparisons_of(sample).pairwise()] == ["within 2 points"]
