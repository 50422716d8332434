"""Corrected scores: accuracies that neither a coin nor a copy of a baseline gets, and their paired comparisons."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.benchmark.comparisons import TOO_CLOSE
from iqbench.results.model_summary import CorrectedScore
from iqbench.results.summary import CorrectedDifference
from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.bootstrap_test import BootstrapTest
from iqbench.statistics.estimate import NO_PAIR, Array, Difference
from iqbench.statistics.paired_tests import undefined_difference
from iqbench.statistics.unseen import SAME, deviation_mass, unseen_reach, widened

MIN_CLUSTERS = 5
"""Photos in which a baseline must err, and be right, so that the corrected score does not hang on one of them."""

NEVER_ERRS = f"{{}} errs on fewer than {MIN_CLUSTERS} photos, so a copy of it could not be told from a perfect judge"
NO_BASELINE = f"no baseline chooses on {MIN_CLUSTERS} photos"
NOT_BOTH_SCORED = "one of the models has no corrected score"
DIFFERENT_PAIRS = "the models were asked about different pairs"

RANGE, LARGEST = (-1.0, 1.0), 2.0
"""The range of a score, and the largest difference of two."""


class _Side(NamedTuple):
    """The worth of a model's verdicts above a coin's in each cluster, and their number, on some pairs."""

    gains: Array
    counts: Array

    @property
    def enough(self) -> bool:
        """True if enough clusters have such a pair."""
        return int((self.counts > 0).sum()) >= MIN_CLUSTERS


class _Score(NamedTuple):
    """The score of a model, and what its comparisons need.

    Args:
        baseline: The baseline that gives the lowest score.
        draws: The score in the sample and in each resample, each by the baseline that is the lowest there.
        pairs: The number of pairs in which that baseline chooses.
        clusters: The number of clusters in which a baseline is right, or wrong, the fewest over all baselines, since a
            resample may choose any.
        room: What clusters could take from the score and add to it that were not drawn.
        asked: The number of each pair that the model was asked about, as bytes.
    """

    baseline: str
    draws: Array
    pairs: int
    clusters: int
    room: Array
    asked: bytes


class CorrectedScores:
    """The corrected score of each model, and the differences of every two models in it.

    For each baseline a model's accuracy where the baseline is right and where it is wrong are averaged, and scaled so
    that 1/2 is 0: a coin and a copy of the baseline get 0. Of a baseline that never errs, those pairs count in which
    it has no opinion. The baseline that gives the lowest score counts, so that a copy of any gets 0 or less. It is
    chosen in each resample anew. The lowest of several numbers is too low on average, since a coin gets 0 from every
    baseline: the bias that resamples show is taken off (Efron and Tibshirani, *An introduction to the bootstrap*,
    1993, 10.6).

    Args:
        pairs: The pairs that count of each model, by ``degraded``.
        choices: Whether each baseline prefers the original (1), the copy (-1) or neither (0), a row per pair and a
            column per baseline.
        bootstrap: The clusters.
    """

    def __init__(self, pairs: Mapping[str, pd.DataFrame], choices: pd.DataFrame, bootstrap: Bootstrap) -> None:
        self._bootstrap, self._choices = bootstrap, choices
        self._pairs = {name: len(rows) for name, rows in pairs.items()}
        self._scores = {name: self._score(rows) if len(rows) else NO_PAIR for name, rows in pairs.items()}

    def of_model(self, name: str) -> CorrectedScore:
        """Return the score of a model."""
        score = self._scores[name]
        if isinstance(score, str):
            return CorrectedScore(value=None, reason=score, interval_reason=score)
        estimate = CorrectedScore.from_draws(score.draws, score.pairs, score.clusters, NO_PAIR, baseline=score.baseline)
        return widened(estimate, float(score.room[0]), float(score.room[1]), RANGE)

    def pairwise(self) -> list[CorrectedDifference]:
        """Return the difference of every two models, and its verdict."""
        models = list(combinations(self._scores, 2))
        pairwise = []
        for (a, b), difference in zip(models, self.differences(models), strict=True):
            better = (a if (difference.value or 0) > 0 else b) if difference.shown else None
            verdict = f"{better} better" if better else TOO_CLOSE
            pairwise.append(CorrectedDifference(**dict(difference), a=a, b=b, better=better, verdict=verdict))
        return pairwise

    def differences(self, models: Sequence[tuple[str, str]]) -> list[Difference]:
        """Return the difference of every two models, with p-values corrected for all of them.

        All are tested in the resamples of the clusters, in each of which every model meets its lowest baseline.
        """
        reasons = [self._not_compared(a, b) for a, b in models]
        scored = {name: score for name, score in self._scores.items() if not isinstance(score, str)}
        compared = [pair for pair, reason in zip(models, reasons, strict=True) if not reason]
        differences = iter(self._tested([(scored[a], scored[b]) for a, b in compared]))
        return [
            undefined_difference(Difference, reason)
            if reason
            else next(differences).model_copy(update={"n": self._pairs[a]})
            for (a, _), reason in zip(models, reasons, strict=True)
        ]

    def _not_compared(self, a: str, b: str) -> str:
        """Return the reason why two models are not compared, or ""."""
        first, second = self._scores[a], self._scores[b]
        if isinstance(first, str) or isinstance(second, str):
            return NOT_BOTH_SCORED
        return "" if first.asked == second.asked else DIFFERENT_PAIRS

    def _tested(self, compared: Sequence[tuple[_Score, _Score]]) -> list[Difference]:
        """Return the differences of models that have a score."""
        if not compared:
            return []
        draws = np.stack([a.draws - b.draws for a, b in compared], axis=1)
        test = BootstrapTest(draws, np.array([min(a.clusters, b.clusters) for a, b in compared], dtype=np.float64))
        room = np.array([a.room + b.room[::-1] for a, b in compared])
        ways = LARGEST + draws[0][:, None] * [1, -1]  # to both ends of the range
        reach = np.divide(room, ways, out=np.zeros_like(room), where=ways > SAME).clip(0, 1).max(axis=1)
        columns = zip(
            draws[0].tolist(),
            *(column.tolist() for column in (*test.test(), test.intervals(LARGEST, reach))),
            strict=True,
        )
        return [
            Difference(difference=value, interval=interval, p=p, p_corrected=corrected)
            for value, p, corrected, interval in columns
        ]

    def _score(self, rows: pd.DataFrame) -> _Score | str:
        """Return the score of a model, or the reason why it has none."""
        of_pair = self._choices.index.get_indexer(rows.index)
        clusters = self._bootstrap.index.get_indexer(pd.Index(rows["cluster"]))
        above_coin, sides = rows["correct"].to_numpy(np.float64) - 0.5, dict[str, tuple[_Side, _Side]]()
        for name, choices in zip(self._choices, self._choices.to_numpy(np.float64)[of_pair].T, strict=True):
            wrong, tied, right = (
                self._side(clusters[choices == choice], above_coin[choices == choice]) for choice in (-1, 0, 1)
            )
            if right.enough and wrong.enough:
                sides[str(name)] = right, wrong
            elif tied.enough:
                sides[str(name)] = tied, tied
            elif right.enough:
                return NEVER_ERRS.format(name)
        if not sides:
            return NO_BASELINE
        gains, counts = (
            np.stack([np.stack([side[at] for side in pair], axis=1) for pair in sides.values()], axis=1)
            for at in range(2)
        )
        return self._lowest(list(sides), gains, counts, np.sort(of_pair).tobytes())

    def _side(self, clusters: NDArray[np.intp], gains: Array) -> _Side:
        width = len(self._bootstrap.index)
        totals = np.bincount(clusters, gains, width), np.bincount(clusters, minlength=width)
        return _Side(*(total.astype(np.float64) for total in totals))

    def _lowest(self, names: Sequence[str], gains: Array, counts: Array, asked: bytes) -> _Score:
        """Return the score by the baseline that gives the lowest one, from tables of clusters x baselines x 2 sides."""
        shape = -1, 2 * len(names)
        drawn = ratio(*(self._bootstrap.drawn(table.reshape(shape)) for table in (gains, counts)))
        scores = drawn.reshape(-1, len(names), 2).sum(axis=2)
        lowest = int(np.argmin(scores[0].round(9)))
        fewest = int((counts > 0).sum(axis=0).min())
        gains, counts = gains[:, lowest], counts[:, lowest]
        present, accuracies = (counts > 0).sum(axis=0), 0.5 + gains.sum(axis=0) / counts.sum(axis=0)
        reach = unseen_reach(present, deviation_mass(2 * gains, counts))
        return _Score(
            names[lowest],
            _unbiased(scores, lowest),
            int(counts.sum()),
            fewest,
            np.array([reach @ accuracies, reach @ (1 - accuracies)]),
            asked,
        )


def _unbiased(scores: Array, lowest: int) -> Array:
    """Return the lowest score in the sample and in each resample, without the bias of a lowest one.

    The bias is how far the lowest score of a resample lies below that of the sample's lowest baseline, on average.

    Args:
        scores: The score by each baseline, draws x baselines.
        lowest: The baseline with the lowest score in the sample.
    """
    draws = scores.min(axis=1)
    bias = float(np.nanmean(draws[1:] - scores[1:, lowest])) if np.isfinite(draws[1:]).any() else 0.0
    moved: Array = draws - np.concatenate([[bias], np.full(len(draws) - 1, 2 * bias)])
    return np.clip(moved, *RANGE)
