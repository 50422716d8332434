"""Simulated judges whose true accuracy is known: what they answer about the standard suite."""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from fixtures.verdict_tables import STANDARD_SUITE, standard_suite

Array = NDArray[np.float64]

PAIRS = sum(STANDARD_SUITE.values())

CROPS = ("crop_edge", "crop_aspect", "crop_center", "crop_corner")

EFFECTS = np.random.default_rng(9).normal(size=40_000)


def right_pairs(accuracy: float, pairs: int, dependence: str, shape: tuple[int, int], seed: int) -> Array:
    """Return the number of right pairs in each photo of each run, (runs, photos).

    Args:
        accuracy: The true accuracy.
        pairs: The number of pairs of a photo.
        dependence: Within a photo. ``none``; ``logistic S``: a normal effect of the photo on the log-odds, of
            standard deviation S; ``beta C``: an accuracy per photo from a beta distribution, with correlation C;
            ``fate S``: a share S of the pairs of a photo has one fate.
        shape: The numbers of runs and photos.
        seed: Seed of the random numbers.
    """
    random, (name, _, amount) = np.random.default_rng(seed), dependence.partition(" ")
    if name == "logistic":
        spread = float(amount)
        middle = brentq(lambda log_odds: expit(log_odds + spread * EFFECTS).mean() - accuracy, -30, 40)
        return random.binomial(pairs, expit(middle + spread * random.normal(size=shape))).astype(float)
    if name == "beta":
        size = 1 / float(amount) - 1
        return random.binomial(pairs, random.beta(accuracy * size, (1 - accuracy) * size, shape)).astype(float)
    shared = random.random((*shape, pairs)) < (float(amount) if name == "fate" else 0.0)
    fate, own = random.random((*shape, 1)), random.random((*shape, pairs))
    return np.where(shared, fate < accuracy, own < accuracy).sum(axis=2).astype(float)


def suited_right(accuracies: Array, photos: int, random: np.random.Generator, spread: float = 1.2) -> NDArray[np.bool_]:
    """Return which pairs of the standard suite each judge gets right, (judges, photos, pairs).

    A photo is as easy for all judges: a normal effect of that spread on the log-odds.

    Args:
        accuracies: The true accuracy of each judge, or of each judge and pair.
        photos: The number of photos.
        random: The random numbers.
        spread: The standard deviation of the effect of a photo.
    """
    values = np.asarray(accuracies, dtype=float)
    odds = {value: _middle(float(value), spread) for value in np.unique(values)}
    middle = np.vectorize(odds.__getitem__)(values).reshape(len(values), 1, -1)
    ease = spread * random.normal(size=(1, photos, 1))
    return random.random((len(values), photos, PAIRS)) < expit(middle + ease)


@cache
def _middle(accuracy: float, spread: float) -> float:
    return float(brentq(lambda log_odds: expit(log_odds + spread * EFFECTS).mean() - accuracy, -30, 40))


@cache
def suite(photos: int, judges: int) -> pd.DataFrame:
    """Return the verdict table of judges that get all right, a block of rows per judge, the photos in order.

    The image statistics are those of damage: a crop has fewer pixels, most copies are smaller files.
    """
    random = np.random.default_rng(5)
    numbers = random.random((photos, 3))

    def column(name: str, side: str):
        def value(at: int, kind: str, severity: int) -> float:
            original = 100 * (1 + numbers[at][("brightness", "sharpness", "pixels").index(name)])
            cropped = side == "variant" and name == "pixels" and kind in CROPS
            return original - severity if cropped else original

        return value

    names = [(side, name) for side in ("original", "variant") for name in ("brightness", "sharpness", "pixels")]
    statistics = {f"{side}_{name}": column(name, side) for side, name in names}
    one = standard_suite(np.ones((photos, PAIRS)), **statistics)
    smaller = random.random(len(one)) < 0.9
    one["variant_encoded_bytes"] = np.where(smaller, 90.0, 110.0)
    named = [f"m{judge:02}" for judge in range(judges)]
    tables = [one.assign(model_name=name, model_fingerprint=f"print of {name}") for name in named]
    return pd.concat(tables, ignore_index=True)


def verdicts(is_right: NDArray[np.bool_], margins: Array | None = None) -> pd.DataFrame:
    """Return the verdict table of judges.

    Args:
        is_right: From `suited_right`.
        margins: The sizes of the margins; 1 without them.
    """
    judges, photos, _ = is_right.shape
    signs = np.where(is_right.ravel(), 1.0, -1.0)
    table = suite(photos, judges)
    prediction = pd.array(is_right.ravel().astype(int), dtype="Int64")
    sizes = 1.0 if margins is None else margins.ravel()
    return table.assign(margin=signs * sizes, correct=(signs > 0).astype(float), prediction=prediction)
