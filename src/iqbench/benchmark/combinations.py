"""What several models would reach together: agreement of two, the best model per type, and pairs that defeat all."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from iqbench.benchmark.tables import CELL
from iqbench.records import value_or_reason
from iqbench.results.summary import BestPerType, ModelAgreement, NobodyRight, TypeWinner
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import NO_PAIR, Array, Share

NOT_BOTH = "no pair judged by both"
NOT_CALIBRATED = "calibration needs pairs of at least two photos that both judged"
ONE_MODEL = "there is only one model to choose from"

SAME_ODDS = 1e-9
"""Log-odds of at most this size are a tie."""

FOLDS = 5


class Combinations:
    """The models together, on the pairs that they all, or two of them, were asked about.

    Args:
        asked: Rows of the verdict table that count.
        models: The names of the models.
        types: The degradation types.
        bootstrap: The clusters of the photos.
    """

    def __init__(self, asked: pd.DataFrame, models: list[str], types: list[str], bootstrap: Bootstrap) -> None:
        cells = asked.assign(cell=asked.groupby(CELL, dropna=False).ngroup())
        self._correct = cells.pivot(index="cell", columns="model_name", values="correct").reindex(columns=models)
        chances = cells.pivot(index="cell", columns="model_name", values="probability").reindex(columns=models)
        self._log_odds = pd.DataFrame(logit(chances.to_numpy(np.float64)), chances.index, chances.columns)
        facts = cells.drop_duplicates("cell").set_index("cell").reindex(self._correct.index)
        self._clusters, self._kinds = facts["cluster"], facts["degradation_type"]
        self._models, self._types, self._bootstrap = models, types, bootstrap

    def agreement(self) -> list[ModelAgreement]:
        """Return for every two models how often both, one or neither is right on the pairs that both judged."""
        return [self._agreement(a, b) for a, b in combinations(self._models, 2)]

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

    def _agreement(self, a: str, b: str) -> ModelAgreement:
        both = self._correct[[a, b]].dropna()
        right_a, right_b, wrong_a, wrong_b = both[a] == 1, both[b] == 1, both[a] == 0, both[b] == 0
        shares = {
            "same": both[a] == both[b],
            "both_right": right_a & right_b,
            "only_a": right_a & wrong_b,
            "only_b": wrong_a & right_b,
            "neither": wrong_a & wrong_b,
        }
        means = {name: float(share.mean()) if len(both) else None for name, share in shares.items()}
        either = self._share(right_a | right_b, NOT_BOTH)
        return ModelAgreement(a=a, b=b, pairs=len(both), either_right=either, averaged=self._averaged(a, b), **means)

    def _averaged(self, a: str, b: str) -> Share:
        """Return the accuracy of the mean of both models' calibrated log-odds."""
        mean = self._log_odds[[a, b]].dropna().mean(axis=1)
        return self._share((mean > 0).astype(float).mask(mean.abs() <= SAME_ODDS, 0.5), NOT_CALIBRATED)

    def _share(self, values: "pd.Series[Any]", undefined: str) -> Share:
        """Return the mean of a value per pair, with its interval over clusters."""
        return self._bootstrap.proportion(Share, self._clusters[values.index], values.to_numpy(np.float64), undefined)
