"""Combinations of models: agreement of two, the best model per type, and pairs that defeat all."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import expit, logit

from iqbench.benchmark.gmad import MOST_COMPARED, Gmad
from iqbench.benchmark.tables import CELL, BenchmarkSample
from iqbench.records import value_or_reason
from iqbench.results.model_agreement import Disagreement, ModelAgreement
from iqbench.results.summary import BestPerType, NobodyRight, TypeWinner
from iqbench.statistics.estimate import NO_PAIR, Array, Share

NOT_BOTH = "no pair judged by both"
NOT_CALIBRATED = "calibration needs pairs of at least two photos that both judged"
ONE_MODEL = "there is only one model to choose from"

SAME_ODDS = 1e-9
"""Log-odds of at most this size are a tie."""

FOLDS = 5

DISAGREEMENTS = 3
"""Disagreements listed of two models."""

CELLS = 4_000_000
"""Numbers that are computed at once, so that memory stays small."""


class Combinations:
    """The models together, on the pairs that they all, or two of them, were asked about.

    Args:
        sample: The benchmark.
    """

    def __init__(self, sample: BenchmarkSample) -> None:
        asked, models, bootstrap = sample.asked, sample.models, sample.bootstrap
        cells = asked.assign(cell=asked.groupby(CELL, dropna=False).ngroup())
        self._correct = cells.pivot(index="cell", columns="model_name", values="correct").reindex(columns=models)
        chances = cells.pivot(index="cell", columns="model_name", values="probability").reindex(columns=models)
        self._log_odds = pd.DataFrame(logit(chances.to_numpy(np.float64)), chances.index, chances.columns)
        facts = cells.drop_duplicates("cell").set_index("cell").reindex(self._correct.index)
        self._facts, self._clusters, self._kinds = facts, facts["cluster"], facts["degradation_type"]
        self._models, self._types, self._bootstrap, self._gmad = models, sample.types, bootstrap, Gmad(sample)
        rows = bootstrap.index.get_indexer(pd.Index(self._clusters))
        ones = np.ones(len(rows))
        self._members = csr_array((ones, (rows, np.arange(len(rows)))), shape=(len(bootstrap.index), len(rows)))

    def agreement(self) -> list[ModelAgreement]:
        """Return for every two models how often both, one or neither is right on the pairs that both judged."""
        pairs = list(combinations(self._models, 2))
        step = max(1, CELLS // max(1, len(self._correct)))
        parts = [pairs[start : start + step] for start in range(0, len(pairs), step)]
        return [agreement for part in parts for agreement in self._agreements(part)]

    def nobody_right(self) -> NobodyRight:
        """Return the share of pairs that no model gets right, among those that all of them judged."""
        judged_by_all = self._correct.dropna()
        nobody = ~(judged_by_all == 1).any(axis=1)
        kinds = self._kinds[nobody.index]
        return NobodyRight(
            overall=self._share(nobody, NO_PAIR),
            by_degradation={kind: self._share(nobody[kinds == kind], NO_PAIR) for kind in self._types},
        )

    def best_per_type(self, winners: Mapping[str, TypeWinner]) -> BestPerType:
        """Return the accuracy of choosing the best model of each type.

        The clusters are divided into folds. For each fold the model of a type is chosen by its accuracy on the
        other folds, so the accuracy of equal models is theirs, and not that of the luckiest.

        Args:
            winners: The most accurate model on each type over all photos.
        """
        choice = {kind: winner.best for kind, winner in winners.items()}
        pairs = self._kinds.value_counts()
        right = sum(winner.accuracy * int(pairs[kind]) for kind, winner in winners.items())
        hindsight = right / int(sum(pairs[kind] for kind in winners)) if winners else None
        rest = {**value_or_reason("hindsight", hindsight, NO_PAIR), "choice": choice}
        if len(self._models) < 2:
            return BestPerType(accuracy=None, accuracy_reason=ONE_MODEL, interval_reason=ONE_MODEL, **rest)
        fold = self._bootstrap.index.get_indexer(pd.Index(self._clusters)) % FOLDS
        chosen = pd.Series(np.nan, index=self._correct.index)
        for kind in self._types:
            for number in range(FOLDS):
                of_type = (self._kinds == kind).to_numpy()
                held_out, others = of_type & (fold == number), of_type & (fold != number)
                means = self._correct[others].mean().dropna()
                if len(means):
                    chosen[held_out] = self._correct.loc[held_out, str(means.idxmax())]
        known = chosen.dropna()
        correct: Array = np.asarray(known, dtype=np.float64)
        return self._bootstrap.proportion(BestPerType, self._clusters[known.index], correct, NO_PAIR, **rest)

    def _agreements(self, pairs: Sequence[tuple[str, str]]) -> list[ModelAgreement]:
        """Return the agreement of some pairs of models."""
        values = {name: self._correct[name].to_numpy(np.float64) for name in self._models}
        first, second = (np.stack([values[pair[side]] for pair in pairs], axis=1) for side in (0, 1))
        both = ~np.isnan(first + second)
        columns = {
            "same": first == second,
            "both_right": (first == 1) & (second == 1),
            "only_a": (first == 1) & (second == 0),
            "only_b": (first == 0) & (second == 1),
            "neither": (first == 0) & (second == 0),
            "either_right": (first == 1) | (second == 1),
        }
        number = both.sum(axis=0)
        shares = {name: self._shares(np.where(both, column, np.nan), NOT_BOTH) for name, column in columns.items()}
        shares["averaged"] = self._shares(self._averaged(pairs), NOT_CALIBRATED)
        return [
            ModelAgreement(
                a=a,
                b=b,
                pairs=int(number[at]),
                disagreements=self._disagreements(a, b),
                gmad=self._gmad.pairs(a, b),
                **{name: estimates[at] for name, estimates in shares.items()},
            )
            for at, (a, b) in enumerate(pairs)
        ]

    def _disagreements(self, a: str, b: str) -> list[Disagreement]:
        """Return the pairs with opposite verdicts of which the less sure model is surest, by calibrated log-odds."""
        if len(self._models) > MOST_COMPARED:
            return []
        odds = self._log_odds[[a, b]].dropna()
        odds = odds[np.sign(odds[a]) * np.sign(odds[b]) < 0]
        surety = odds.abs().min(axis=1).sort_values(ascending=False, kind="stable")
        facts = self._facts.loc[surety.index].drop_duplicates("original").head(DISAGREEMENTS)
        return [
            Disagreement(
                photo=str(pair["original"]),
                sha256=str(pair["photo_sha256"]),
                degradation_type=str(pair["degradation_type"]),
                ladder=str(pair["ladder"]),
                level=str(pair["degradation_level"]),
                severity=int(pair["severity"]),
                probability_a=float(expit(odds.loc[cell, a])),
                probability_b=float(expit(odds.loc[cell, b])),
            )
            for cell, pair in facts.iterrows()
        ]

    def _averaged(self, pairs: Sequence[tuple[str, str]]) -> Array:
        """Return whether the mean of both models' calibrated log-odds is right, a column per pair of models."""
        odds = {name: self._log_odds[name].to_numpy(np.float64) for name in self._models}
        mean = np.stack([(odds[a] + odds[b]) / 2 for a, b in pairs], axis=1)
        right = np.where(np.abs(mean) <= SAME_ODDS, 0.5, mean > 0)
        return np.where(np.isnan(mean), np.nan, right)

    def _shares(self, values: Array, undefined: str) -> list[Share]:
        """Return the mean of each column with its interval over clusters; NaN is left out."""
        known = ~np.isnan(values)
        sums, counts = self._members @ np.where(known, values, 0.0), self._members @ known.astype(np.float64)
        return self._bootstrap.proportions_of(Share, sums, counts, [{}] * values.shape[1], undefined)

    def _share(self, values: "pd.Series[Any]", undefined: str) -> Share:
        """Return the mean of a value per pair, with its interval over clusters."""
        return self._bootstrap.proportion(Share, self._clusters[values.index], values.to_numpy(np.float64), undefined)
