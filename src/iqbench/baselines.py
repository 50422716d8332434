"""Baselines: judges that see one image statistic at most. A model must beat them before its accuracy means anything.

To add a baseline, add a field to `iqbench.inference.image_statistics.ImageStatistics` and a line to `STATISTICS`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from iqbench.hash_sampling import digest
from iqbench.labels import RATINGS
from iqbench.metrics.pairs import hits
from iqbench.protocol import Protocol, decide
from iqbench.results.model_summary import BaselineAccuracies
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import NO_PAIR, Accuracy

Values = Float[np.ndarray, "n"]
Margins = tuple[Values, Values]
"""Per row: the margin with the original first, and the margin with the degraded photo first."""

ALWAYS_FIRST, CONSTANT, RANDOM = "always-first", "constant answer", "random"


class StatisticBaseline(NamedTuple):
    """A baseline that prefers the picture with more of an image statistic."""

    name: str
    statistic: str
    """A field of `iqbench.inference.image_statistics.ImageStatistics`, or ``file_bytes``."""
    needs_file: bool = False
    """True if every picture must be a file, so that a benchmark's copies, which are made in memory, have no value."""


STATISTICS = (
    StatisticBaseline("more pixels", "pixels"),
    StatisticBaseline("larger file", "encoded_bytes"),
    StatisticBaseline("larger file on disk", "file_bytes", needs_file=True),
    StatisticBaseline("brighter", "brightness"),
    StatisticBaseline("sharper", "sharpness"),
)

OF_COPIES = {baseline.name: baseline.statistic for baseline in STATISTICS if not baseline.needs_file}
"""The statistics of the baselines that exist in a benchmark, by name."""


def best_baseline(values: Mapping[str, float | None]) -> str | None:
    """Return the name of the baseline with the highest value, the first of equal ones; None without a value.

    ``random`` is no candidate: `ALWAYS_FIRST` and `CONSTANT` are what it would get without luck.

    Example:
        >>> best_baseline({"always-first": 0.5, "random": 0.7, "sharper": 0.6, "brighter": None})
        'sharper'
    """
    candidates = {name: value for name, value in values.items() if value is not None and name != RANDOM}
    return max(candidates, key=lambda name: candidates[name]) if candidates else None


def copy_margins(table: pd.DataFrame, seed: int) -> dict[str, Margins]:
    """Return the margins of each baseline in both orders, row by row, for pairs of an original and a copy.

    ``always-first`` gives (1 - 1) / 2 = 0, a tie, so exactly 50 % where both orders count, and 100 % where
    only original-first counts. ``random`` tosses a coin for each variant of each photo, the same in every run.

    Args:
        table: Rows of one model from the verdict table; photos and variants are the same for every model.
        seed: Seed of ``random``.

    Example:
        >>> row = {"original": ["./a.png"], "degradation_type": ["crop_edge"], "ladder": ["crop_edge/right"]}
        >>> row |= {"degradation_level": ["right_20pct"], "original_pixels": [100], "variant_pixels": [80]}
        >>> for statistic in ("encoded_bytes", "brightness", "sharpness"):
        ...     row |= {f"original_{statistic}": [3.0], f"variant_{statistic}": [4.0]}
        >>> margins = copy_margins(pd.DataFrame(row), seed=0)
        >>> [f"{name} {forward[0]:+.0f} {backward[0]:+.0f}" for name, (forward, backward) in margins.items()][:-1]
        ['always-first +1 +1', 'random +1 -1', 'more pixels +1 -1', 'larger file -1 +1', 'brighter -1 +1']
    """
    first, coin = np.ones(len(table)), _coins(table, seed)
    margins = {ALWAYS_FIRST: (first, first.copy()), RANDOM: (coin, -coin)}
    for name, statistic in OF_COPIES.items():
        original, variant = (table[f"{side}_{statistic}"].astype("Float64") for side in ("original", "variant"))
        sign = np.sign((original - variant).to_numpy(dtype=np.float64, na_value=np.nan))
        margins[name] = (sign, 0.0 - sign)
    return margins


def baseline_verdicts(table: pd.DataFrame, protocol: Protocol, seed: int) -> pd.DataFrame:
    """Return the verdicts of the baselines on each pair that any model was asked about.

    Args:
        table: The rows that count, of all models.
        protocol: The rule of verdicts.
        seed: Seed of ``random``.
    """
    pairs = table.drop_duplicates(["original", "degraded"]).reset_index(drop=True)
    keys = pairs[
        ["original", "cluster", "degraded", "degradation_type", "degradation_group", "ladder", "degradation_level"]
    ]
    without_score = {"score_original": np.nan, "score_degraded": np.nan}
    verdicts = []
    for name, (forward, backward) in copy_margins(pairs, seed).items():
        decided = decide(pd.DataFrame({"forward": forward, "backward": backward, **without_score}), protocol)
        verdicts.append(keys.assign(model_name=name, correct=decided["correct"], margin=decided["margin"]))
    return pd.concat(verdicts, ignore_index=True)


def baseline_accuracies(
    verdicts: pd.DataFrame, bootstrap: Bootstrap, types: list[str]
) -> dict[str, BaselineAccuracies]:
    """Return the accuracy of each baseline over all pairs and on each type, with intervals.

    Args:
        verdicts: From `baseline_verdicts`.
        bootstrap: The resamples of the photos.
        types: The degradation types.
    """
    return {
        str(name): BaselineAccuracies(
            overall=_accuracy(rows, bootstrap),
            by_degradation={
                kind: _accuracy(rows[rows["degradation_type"] == kind], bootstrap)
                for kind in types
                if (rows["degradation_type"] == kind).any()
            },
        )
        for name, rows in verdicts.groupby("model_name", sort=False)
    }


def _accuracy(rows: pd.DataFrame, bootstrap: Bootstrap) -> Accuracy:
    decided = rows.dropna(subset=["correct"])
    return bootstrap.proportion(Accuracy, decided["cluster"], decided["correct"].to_numpy(np.float64), NO_PAIR)


def _coins(table: pd.DataFrame, seed: int) -> Values:
    """Return +1 or -1 per row from a hash, so that a coin does not depend on the order or number of rows."""
    keys = table[["original", "degradation_type", "ladder", "degradation_level"]].astype(str).to_numpy().tolist()
    digests = (digest(repr([seed, *key])) for key in keys)
    return np.array([1.0 if hashed[0] & 1 else -1.0 for hashed in digests], dtype=np.float64)


def baseline_answers(predictions: pd.DataFrame, photos: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Return the answers of the baselines to the questions that a model answered, failed where the model failed.

    On pairs, ``always-first`` chooses the photo that stands first, and ``constant answer`` the better of
    always-first and always-second, which takes the labels to know. On votes, ``constant answer`` gives
    each photo the same score.

    Args:
        predictions: A model's answers, from `iqbench.evaluation.predictions`.
        photos: The table of photos, from `iqbench.inference.encoding`.
        seed: Seed of ``random``.

    Example:
        >>> rows = pd.DataFrame({"first": ["./a"], "second": ["./b"], "preference": [0.2], "weight": [1.0]})
        >>> photos = pd.DataFrame({"photo": ["./a", "./b"], "pixels": [9, 9], "encoded_bytes": [5, 7]})
        >>> photos = photos.assign(file_bytes=[8, 7], brightness=[2.0, 1.0], sharpness=[0.0, 0.0])
        >>> answers = baseline_answers(rows, photos, seed=0)
        >>> [f"{name} {rows['margin'].item():+.0f}" for name, rows in answers.items() if name != "random"][2:]
        ['more pixels +0', 'larger file -2', 'larger file on disk +1', 'brighter +1', 'sharper +0']
    """
    scores = baseline_scores(photos, seed)
    predictions = predictions.drop(columns="order_consistent", errors="ignore")  # this is the model's
    if "first" not in predictions:
        return {str(name): _scored(predictions, score) for name, score in scores.assign(**{CONSTANT: 1.0}).items()}
    preference, weight = (predictions[name].to_numpy(np.float64) for name in ("preference", "weight"))
    lead = float(np.nansum(weight * (hits(np.ones(len(predictions)), preference) - 0.5)))
    answers = {
        ALWAYS_FIRST: predictions.assign(margin=1.0),
        CONSTANT: predictions.assign(margin=1.0 if lead >= 0 else -1.0),
    }
    for name, score in scores.items():
        first, second = (score.reindex(predictions[side]).to_numpy(np.float64) for side in ("first", "second"))
        answers[str(name)] = predictions.assign(margin=first - second)
    return answers


def baseline_scores(photos: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the score of each photo by each baseline that has one, a row per photo, named by it."""
    hashes = [digest(RANDOM, seed, name) for name in photos["photo"]]
    columns = {RANDOM: np.array([int.from_bytes(hashed[:6], "big") / 2**48 for hashed in hashes])}
    for name, statistic, _ in STATISTICS:
        columns[name] = photos[statistic].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    return pd.DataFrame(columns, index=pd.Index(photos["photo"].tolist(), dtype=object))


def _scored(predictions: pd.DataFrame, score: "pd.Series[float]") -> pd.DataFrame:
    """Return the rows about photos with that score, without the shares of votes that the model predicted."""
    shares = [column for column in predictions if column in {f"p{rating}" for rating in RATINGS}]
    predicted = score.reindex(predictions["photo"]).to_numpy(np.float64)
    return predictions.drop(columns=shares).assign(predicted=predicted)
