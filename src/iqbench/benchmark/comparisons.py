"""Comparisons of models, paired by photo: differences, and the least difference that can be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from iqbench.benchmark.tables import CELL, BenchmarkSample
from iqbench.results.summary import LeastDifference, ModelDifference, PhotoDifference, TypeWinner
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import Accuracy, Array
from iqbench.statistics.paired_tests import paired_differences, undefined_difference
from iqbench.statistics.power import Power
from iqbench.statistics.sign_flips import SignFlips

TOO_CLOSE = "too close to call"
NO_DIFFERENCE = "no difference shown"

NOT_BOTH = "no pair judged by both"
ONLY_ONE = "only one model judged this type"
NOTHING_SHOWN = "with so few photos no difference can be shown"

POINTS_TO_SHOW = 0.05
"""The difference between two models that a benchmark should be able to show."""

FEWEST_CLUSTERS = 6
"""With fewer clusters of photos no difference can be shown, so their spread says too little to plan from."""


@dataclass(frozen=True)
class Gap:
    """The differences of two models: their sum and number in each cluster on each type, and the number of photos."""

    sums: Array
    counts: Array
    photos: Array


class Comparisons:
    """Comparisons of every two models on the pairs that both were asked about.

    Args:
        asked: Rows of the verdict table that count; see `iqbench.benchmark.tables.BenchmarkSample`.
        models: The names of the models.
        types: The degradation types.
        bootstrap: The clusters of the photos.
        flips: The signs of the clusters.
        margin: Accuracies that differ by less are as good as equal, as a share; None for no such claims.
    """

    def __init__(
        self,
        asked: pd.DataFrame,
        models: list[str],
        types: list[str],
        bootstrap: Bootstrap,
        flips: SignFlips,
        margin: float | None = None,
    ) -> None:
        cells = asked.assign(cell=asked.groupby(CELL, dropna=False).ngroup())
        correct = cells.pivot(index="cell", columns="model_name", values="correct").reindex(columns=models)
        facts = cells.drop_duplicates("cell").set_index("cell").reindex(correct.index)
        kinds = pd.Index(types).get_indexer(pd.Index(facts["degradation_type"]))
        self._models, self._types, self._flips, self._bootstrap = models, types, flips, bootstrap
        self._correct = {name: correct[name].to_numpy(np.float64) for name in models}
        self._codes = bootstrap.index.get_indexer(pd.Index(facts["cluster"])) * len(types) + kinds
        self._photos, self._kinds, self._margin = pd.factorize(facts["original"])[0], kinds, margin
        self._gaps = {(a, b): self._gap(self._correct[a], self._correct[b]) for a, b in combinations(models, 2)}

    @property
    def same_pairs(self) -> bool:
        """True if all models that gave an answer were asked about the same pairs, so that they can be ranked."""
        missing = [np.isnan(values) for values in self._correct.values()]
        return not any(lost.any() and not lost.all() for lost in missing)

    def pairwise(self) -> list[ModelDifference]:
        """Return the difference of every two models over all pairs, and its verdict."""
        pairs = list(self._gaps)
        if not pairs:
            return []
        sums, counts = self._columns(pairs)
        fields = [{"photos": int(self._gaps[pair].photos[-1])} for pair in pairs]
        differences = self._differences(sums, counts, fields)
        within = self._within_margin(sums, counts)
        return [
            _with_verdict(difference, a, b, bool(close), self._margin)
            for (a, b), difference, close in zip(pairs, differences, within, strict=True)
        ]

    def winners(self, accuracies: Mapping[str, Mapping[str, Accuracy]]) -> dict[str, TypeWinner]:
        """Return per type the most accurate model, and its difference from the runner-up.

        Args:
            accuracies: The accuracy of each model on each type.
        """
        leads = {kind: _ranked(kind, accuracies) for kind in self._types}
        leads = {kind: ranked for kind, ranked in leads.items() if ranked}
        differences = self._leads({kind: list(ranked) for kind, ranked in leads.items()})
        winners = {}
        for kind, ranked in leads.items():
            best, *others = ranked
            difference = differences[kind]
            shown = difference.shown and difference.interval is not None and difference.interval[0] > 0
            winners[kind] = TypeWinner(
                **dict(difference),
                best=best,
                accuracy=ranked[best],
                runner_up=others[0] if others else None,
                better=best if shown else None,
                verdict=f"{best} better" if shown else NO_DIFFERENCE,
            )
        return winners

    def least_difference(self) -> LeastDifference:
        """Return the difference that this sample shows with a power of 80 %: the median over all pairs of models."""
        clusters, power = len(self._bootstrap.index), self.power()
        planned = power.clusters_for(POINTS_TO_SHOW) if clusters >= FEWEST_CLUSTERS else None
        if not self._gaps:
            return LeastDifference(
                overall=None,
                reason="only one model was judged",
                clusters_for_5_points=planned,
                by_degradation=dict.fromkeys(self._types),
            )
        overall = _possible(power.least_difference(clusters))
        return LeastDifference(
            overall=overall,
            reason=NOTHING_SHOWN if overall is None else None,
            clusters_for_5_points=planned,
            by_degradation={kind: _possible(self.power(kind).least_difference(clusters)) for kind in self._types},
        )

    def power(self, kind: str | None = None) -> Power:
        """Return the power of the comparisons of all pairs of models, on one type or on all pairs.

        A single model stands for two independent ones like it.
        """
        at = slice(None) if kind is None else [self._types.index(kind)]
        gaps = list(self._gaps.values()) or [self._against_another_like_it()]
        sums, counts = (
            np.stack([table[:, at].sum(axis=1) for table in tables], axis=1)
            for tables in ([gap.sums for gap in gaps], [gap.counts for gap in gaps])
        )
        return Power.of(self._flips, sums, counts)

    def _against_another_like_it(self) -> Gap:
        """Return the deviations of the only model from its accuracy on each type, as varied as a difference of two."""
        correct = self._correct[self._models[0]]
        gap = self._gap(correct, np.zeros_like(correct))
        number = gap.counts.sum(axis=0)
        means = np.divide(gap.sums.sum(axis=0), number, out=np.zeros(len(number)), where=number > 0)
        return Gap((gap.sums - means * gap.counts) * np.sqrt(2), gap.counts, gap.photos)

    def _gap(self, a: Array, b: Array) -> Gap:
        gap = a - b
        both = ~np.isnan(gap)
        width, clusters = len(self._types), len(self._bootstrap.index)
        cells = self._codes[both]
        sums, counts = (
            np.bincount(cells, weights, clusters * width).astype(np.float64)
            for weights in (gap[both], np.ones(len(cells)))
        )
        of_type = self._kinds[both]
        photos = [len(np.unique(self._photos[both][of_type == at])) for at in range(width)]
        photos.append(len(np.unique(self._photos[both])))
        shape = (clusters, width)
        return Gap(sums.reshape(shape), counts.reshape(shape), np.array(photos, dtype=np.float64))

    def _columns(self, pairs: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
        """Return sums and counts over all types, clusters x pairs of models."""
        return (
            np.stack([self._gaps[pair].sums.sum(axis=1) for pair in pairs], axis=1),
            np.stack([self._gaps[pair].counts.sum(axis=1) for pair in pairs], axis=1),
        )

    def _differences(self, sums: Array, counts: Array, fields: list[dict[str, Any]]) -> list[PhotoDifference]:
        clusters = (counts > 0).sum(axis=0)
        reasons = [self._bootstrap.too_few(int(count)) if count else NOT_BOTH for count in clusters]
        return paired_differences(PhotoDifference, self._flips, sums, counts, fields, reasons)

    def _within_margin(self, sums: Array, counts: Array) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Return for each difference whether its interval, corrected for all, lies within the margin."""
        if self._margin is None:
            return np.zeros(sums.shape[1], dtype=bool)
        intervals = self._flips.family_intervals(sums, counts)
        return (intervals[:, 0] > -self._margin) & (intervals[:, 1] < self._margin)

    def _corrected_by_type(self) -> dict[tuple[str, str, str], float]:
        """Return the p-value of every two models on every type, corrected for all of them."""
        pairs = list(self._gaps)
        keys = [(a, b, kind) for a, b in pairs for kind in self._types]
        if not keys:
            return {}
        sums = np.concatenate([self._gaps[pair].sums for pair in pairs], axis=1)
        _, corrected = self._flips.test(sums)
        return dict(zip(keys, corrected.tolist(), strict=True))

    def _leads(self, ranked: Mapping[str, list[str]]) -> dict[str, PhotoDifference]:
        """Return the difference of the first two models on each type."""
        leads = dict.fromkeys(ranked, undefined_difference(PhotoDifference, ONLY_ONE))
        compared = [kind for kind, models in ranked.items() if len(models) > 1]
        if not compared:
            return leads
        corrected, sums, counts, fields, keys = self._corrected_by_type(), [], [], [], []
        for kind in compared:
            first, second = ranked[kind][:2]
            pair = (first, second) if (first, second) in self._gaps else (second, first)
            gap, at = self._gaps[pair], self._types.index(kind)
            sums.append(gap.sums[:, at] if pair == (first, second) else -gap.sums[:, at])
            counts.append(gap.counts[:, at])
            fields.append({"photos": int(gap.photos[at])})
            keys.append((*pair, kind))
        differences = self._differences(np.stack(sums, axis=1), np.stack(counts, axis=1), fields)
        for kind, key, difference in zip(compared, keys, differences, strict=True):
            p = None if difference.p is None else corrected[key]
            leads[kind] = difference.model_copy(update={"p_corrected": p})
        return leads


def comparisons_of(sample: BenchmarkSample) -> Comparisons:
    """Return the comparisons of the models of a benchmark, by its protocol's margin."""
    margin = None if sample.protocol.margin is None else sample.protocol.margin / 100
    return Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips, margin)


def _with_verdict(difference: PhotoDifference, a: str, b: str, close: bool, margin: float | None) -> ModelDifference:
    ahead = a if (difference.value or 0) > 0 else b
    verdict = f"{ahead} better" if difference.shown else TOO_CLOSE
    within = close and not difference.shown
    if within and margin is not None:
        verdict = f"within {100 * margin:g} points"
    better = ahead if difference.shown else None
    return ModelDifference(**dict(difference), a=a, b=b, better=better, within_margin=within, verdict=verdict)


def _ranked(kind: str, accuracies: Mapping[str, Mapping[str, Accuracy]]) -> dict[str, float]:
    """Return the accuracy of each model that judged a type, the most accurate first."""
    values = {model: types[kind].value for model, types in accuracies.items() if kind in types}
    judged = {model: value for model, value in values.items() if value is not None}
    return {model: judged[model] for model in sorted(judged, key=lambda model: -judged[model])}


def _possible(difference: float) -> float | None:
    """Return a difference of accuracies, None if it is larger than any can be."""
    return difference if difference <= 1 else None
