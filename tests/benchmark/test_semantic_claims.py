"""Semantic effects in simulated benchmarks: how often a false one is claimed, and how often a true one is found.

In 300 benchmarks of a kind, one of the six effects was claimed falsely in 2.0 to 5.3 % (any judge, accuracy and number
of photos here). An effect of 10 points was found in 8, 26 and 84 % with 20, 50 and 200 photos, one of 20 points in 29,
86 and 100 %.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixtures.verdict_tables import frame_of_columns, sample_of
from iqbench.benchmark.semantic_effects import semantic_effects
from iqbench.results.semantic_summary import SemanticEffect

LEVELS = ("33pct", "100pct")
KIND = "remove_subject"
LADDERS = {
    **{f"damage_{level}": (KIND, level, "semantic") for level in LEVELS},
    **{f"hole_{level}": (f"{KIND}/control/hole/{level}", f"hole_{level}", "control") for level in LEVELS},
    "pasted": (f"{KIND}/control/pasted", "pasted", "control"),
}
"""The ladder, level and group of each variant of a photo."""

RUNS = 100
LUCK = 0.995
"""The probability with which a share that is exactly as it should be passes."""

Answers = dict[str, np.ndarray]
"""Whether the original is preferred to each variant, a value per photo."""


def alike(photos: int, over_damage: float, over_control: float, random: np.random.Generator) -> Answers:
    """Return the answers of a judge to whom some photos are easier than others, with and without damage."""
    ease = random.normal(0, 1, photos)
    answers = {}
    for name in LADDERS:
        share = over_damage if name.startswith("damage") else over_control
        answers[name] = ease + random.normal(0, 1, photos) < np.sqrt(2) * stats.norm.ppf(share)
    return answers


def settled(photos: int, over_damage: float, over_control: float, random: np.random.Generator) -> Answers:
    """Return the answers of a judge that sees the damage of a photo at all levels or at none, and controls by chance.

    The differences of the photos are skewed, so that their signs are not exchangeable.
    """
    sees = random.random(photos) < over_damage
    return {name: sees if name.startswith("damage") else random.random(photos) < over_control for name in LADDERS}


JUDGES = {"alike": alike, "settled": settled}


def table_of(answers: Answers) -> pd.DataFrame:
    """Return the verdict table of a judge."""
    photos = len(answers["pasted"])
    ladders, levels, groups = (np.repeat(names, photos) for names in zip(*LADDERS.values(), strict=True))
    return frame_of_columns(
        [f"./{at}.png" for at in range(photos)] * len(LADDERS),
        2 * np.concatenate([answers[name] for name in LADDERS]) - 1,
        degradation_type=KIND,
        degradation_level=levels,
        degradation_group=groups,
        ladder=ladders,
    )


def effects_of(judge: str, photos: int, over_damage: float, over_control: float, seed: int) -> list[SemanticEffect]:
    """Return the effects that a simulated benchmark finds."""
    answers = JUDGES[judge](photos, over_damage, over_control, np.random.default_rng(seed))
    return semantic_effects(sample_of(table_of(answers)))["a"]


def share_of_false_claims(judge: str, photos: int, accuracy: float, runs: int = RUNS) -> float:
    """Return the share of benchmarks with an effect shown, of a judge to whom damage and controls are the same."""
    false = [any(effect.shown for effect in effects_of(judge, photos, accuracy, accuracy, at)) for at in range(runs)]
    return float(np.mean(false))


def share_found(photos: int, difference: float, runs: int = RUNS) -> float:
    """Return the share of benchmarks that show the effect over all levels against the hole."""
    found = 0
    for at in range(runs):
        over_damage = 0.65 + difference / 2, 0.65 - difference / 2
        (effect,) = [
            effect
            for effect in effects_of("alike", photos, *over_damage, at)
            if (effect.control, effect.level) == ("hole", None)
        ]
        found += bool(effect.shown and (effect.value or 0) > 0)
    return found / runs


@pytest.mark.parametrize("judge", JUDGES)
def test_simulated_judges_have_the_accuracy_that_they_are_said_to_have(judge: str) -> None:
    answers = JUDGES[judge](20_000, 0.8, 0.6, np.random.default_rng(0))
    means = {name: values.mean() for name, values in answers.items()}
    wanted = {name: 0.8 if name.startswith("damage") else 0.6 for name in LADDERS}
    assert means == pytest.approx(wanted, abs=0.015)
    damaged = np.corrcoef(*(answers[f"damage_{level}"] for level in LEVELS))[0, 1]
    assert damaged > 0.2  # the answers about one photo depend on each other


@pytest.mark.slow
@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("accuracy", [0.6, 0.85])
@pytest.mark.parametrize("photos", [20, 50, 200])
def test_effects_that_are_not_there_are_claimed_in_5_percent_of_benchmarks(
    judge: str, accuracy: float, photos: int
) -> None:
    assert share_of_false_claims(judge, photos, accuracy) <= stats.binom.ppf(LUCK, RUNS, 0.05) / RUNS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("photos", "difference", "power"),
    [(20, 0.1, 0.08), (50, 0.1, 0.26), (200, 0.1, 0.84), (20, 0.2, 0.29), (50, 0.2, 0.86), (200, 0.2, 0.99)],
)
def test_effects_that_are_there_are_found_with_enough_photos(photos: int, difference: float, power: float) -> None:
    assert share_found(photos, difference) >= stats.binom.ppf(1 - LUCK, RUNS, power) / RUNS
