"""Comparisons of models, paired by photo: differences, ranking, agreement, and the best model per type."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from iqbench.benchmark.tables import CELL
from iqbench.records import value_or_reason
from iqbench.results.summary import (
    BestPerType,
    ModelAgreement,
    ModelDifference,
    NobodyRight,
    PhotoDifference,
    RankedModel,
    TypeWinner,
)
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import NO_PAIR, Accuracy, Share
from iqbench.statistics.paired_tests import sign_test, two_sided_p, with_holm

TOO_CLOSE = "too close to call"
NO_DIFFERENCE = "no difference shown"

NOT_BOTH = "no pair judged by both"
ONLY_ONE = "only one model judged this type"
NOT_CALIBRATED = "calibration needs pairs of at least two photos that both judged"

SAME_ODDS = 1e-9
"""Log-odds of at most this size are a tie."""


class Comparisons:
    """Comparisons of every two models on the pairs that both judged.

    Args:
        judged: Judged rows of the verdict table.
        models: The names of the models.
        types: The degradation types.
        bootstrap: Resamples of the photos.
    """

    def __init__(self, judged: pd.DataFrame, models: list[str], types: list[str], bootstrap: Bootstrap) -> None:
        cells = judged.assign(cell=judged.groupby(CELL, dropna=False).ngroup())
        self._correct = cells.pivot(index="cell", columns="model_name", values="correct").reindex(columns=models)
        chances = cells.pivot(index="cell", columns="model_name", values="probability").reindex(columns=models)
        self._log_odds = pd.DataFrame(logit(chances.to_numpy(np.float64)), chances.index, chances.columns)
        facts = cells.drop_duplicates("cell").set_index("cell").reindex(self._correct.index)
        self._photos, self._kinds = facts["original"], facts["degradation_type"]
        self._models, self._types, self._bootstrap = models, types, bootstrap

    def difference(self, a: str, b: str, kind: str | None = None) -> PhotoDifference:
        """Return the accuracy of ``a`` minus the accuracy of ``b``, on one type or on all pairs."""
        gap = (self._correct[a] - self._correct[b]).dropna()
        gap = gap if kind is None else gap[self._kinds[gap.index] == kind]
        photos = self._photos[gap.index]
        draws, count = self._bootstrap.mean_draws(photos, gap.to_numpy(np.float64)), photos.nunique()
        few = self._bootstrap.too_few(count)
        tests: dict[str, Any] = {"p": None, "p_reason": few if count else NOT_BOTH}
        if not few:
            of_photos = gap.groupby(photos).mean()
            p_sign_test = sign_test(int((of_photos > 0).sum()), int((of_photos < 0).sum()))
            tests = {"p": two_sided_p(draws, count), "p_sign_test": p_sign_test}
        return PhotoDifference.from_draws(draws, len(gap), NOT_BOTH, few, photos=count, **tests)

    def pairwise(self) -> list[ModelDifference]:
        """Return the difference of every two models over all pairs, and its verdict."""
        pairs = list(combinations(self._models, 2))
        differences = []
        for (a, b), difference in zip(pairs, with_holm([self.difference(a, b) for a, b in pairs]), strict=True):
            ahead = a if (difference.value or 0) > 0 else b
            verdict = f"{ahead} better" if difference.shown else TOO_CLOSE
            better = ahead if difference.shown else None
            differences.append(ModelDifference(**dict(difference), a=a, b=b, better=better, verdict=verdict))
        return differences

    def winners(self, accuracies: Mapping[str, Mapping[str, Accuracy]]) -> dict[str, TypeWinner]:
        """Return per type the most accurate model, and its difference from the runner-up.

        Args:
            accuracies: The accuracy of each model on each type.
        """
        ranked = {kind: self._ranked(kind, accuracies) for kind in self._types}
        ranked = {kind: models for kind, models in ranked.items() if models}
        differences = with_holm([self._lead(kind, list(models)) for kind, models in ranked.items()])
        winners = {}
        for (kind, models), difference in zip(ranked.items(), differences, strict=True):
            best, *others = models
            shown = difference.shown and difference.interval is not None and difference.interval[0] > 0
            winners[kind] = TypeWinner(
                **dict(difference),
                best=best,
                accuracy=models[best],
                runner_up=others[0] if others else None,
                better=best if shown else None,
                verdict=f"{best} better" if shown else NO_DIFFERENCE,
            )
        return winners

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

    def _ranked(self, kind: str, accuracies: Mapping[str, Mapping[str, Accuracy]]) -> dict[str, float]:
        """Return the accuracy of each model that judged a type, the most accurate first."""
        values = {model: types[kind].value for model, types in accuracies.items() if kind in types}
        judged = {model: value for model, value in values.items() if value is not None}
        return {model: judged[model] for model in sorted(judged, key=lambda model: -judged[model])}

    def _lead(self, kind: str, ranked: Sequence[str]) -> PhotoDifference:
        """Return the difference of the first two models on a type."""
        if len(ranked) > 1:
            return self.difference(ranked[0], ranked[1], kind)
        return PhotoDifference(
            difference=None, difference_reason=ONLY_ONE, interval_reason=ONLY_ONE, p=None, p_reason=ONLY_ONE
        )

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
        """Return the mean of a value per pair, with its interval over photos."""
        return self._bootstrap.mean(Share, self._photos[values.index], values.to_numpy(np.float64), undefined)


def ranking(accuracies: Mapping[str, float | None], pairwise: Sequence[ModelDifference]) -> list[RankedModel]:
    """Return the models, the most accurate first, each with its place: one plus the models shown to be better.

    Models that cannot be told apart share a place. Two of them may share it with a third, but not with each other.

    Args:
        accuracies: The accuracy of each model over all pairs.
        pairwise: The difference of every two models.

    Example:
        >>> first = ModelDifference(a="a", b="b", difference=0.1, better=None, verdict=TOO_CLOSE)
        >>> second = ModelDifference(a="b", b="c", difference=0.2, better="b", verdict="b better")
        >>> places = ranking({"a": 0.9, "b": 0.8, "c": 0.6}, [first, second])
        >>> [(model.model, model.place) for model in places]
        [('a', 1), ('b', 1), ('c', 2)]
    """
    places = dict.fromkeys(accuracies, 1)
    for pair in pairwise:
        if pair.better is not None:
            places[pair.b if pair.better == pair.a else pair.a] += 1
    ordered = sorted(accuracies, key=lambda model: -(accuracies[model] or 0.0))
    return [RankedModel(model=model, place=places[model]) for model in ordered]


def best_per_type(winners: Mapping[str, TypeWinner], judged: pd.DataFrame) -> BestPerType:
    """Return the accuracy of a perfect choice of model per type, weighted by the pairs of each type."""
    pairs = judged.drop_duplicates(CELL).groupby("degradation_type").size()
    right = sum(winner.accuracy * int(pairs[kind]) for kind, winner in winners.items())
    accuracy = right / int(pairs.sum()) if winners else None
    choice = {kind: winner.best for kind, winner in winners.items()}
    return BestPerType(**value_or_reason("accuracy", accuracy, NO_PAIR), choice=choice)
