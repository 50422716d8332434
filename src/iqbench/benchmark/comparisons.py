"""Comparisons of models, paired by photo: which differences are real, and which are too close to call."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import binomtest

from iqbench.statistics.bootstrap import (
    ALPHA,
    NO_PAIR,
    ONE_PHOTO,
    Bootstrap,
    holm,
    interval,
    known,
    mean_estimate,
    ratio,
    two_sided_p,
)

TOO_CLOSE = "too close to call"
NO_DIFFERENCE = "no difference shown"

SAME_ODDS = 1e-9
"""Log-odds that are this close to 0 are a tie."""

CELL = ["original", "degradation_type", "ladder", "degradation_level"]
"""The columns that name a photo and its variant: what two models must both have judged to be compared."""


class Differences:
    """Differences of accuracy between every two models, on the pairs that both of them judged."""

    def __init__(self, judged: pd.DataFrame, names: list[str], types: list[str], boot: Bootstrap) -> None:
        cells = judged.assign(cell=judged.groupby(CELL, dropna=False).ngroup())
        self.correct = cells.pivot(index="cell", columns="model_name", values="correct").reindex(columns=names)
        chances = cells.pivot(index="cell", columns="model_name", values="probability").reindex(columns=names)
        self.log_odds = pd.DataFrame(logit(chances.to_numpy(np.float64)), chances.index, chances.columns)
        about = cells.drop_duplicates("cell").set_index("cell").reindex(self.correct.index)
        self.photos, self.kinds = about["original"], about["degradation_type"]
        self.names, self.types, self.boot = names, types, boot

    def between(self, a: str, b: str, kind: str | None = None) -> dict[str, Any]:
        """Return how much better ``a`` is than ``b``, on one type or on all."""
        gap = (self.correct[a] - self.correct[b]).dropna()
        gap = gap if kind is None else gap[self.kinds[gap.index] == kind]
        photos, codes = self.photos[gap.index], np.zeros(len(gap), dtype=np.intp)
        sums = self.boot.totals(photos, codes, gap.to_numpy(np.float64), 1)[:, 0]
        draws = ratio(sums, self.boot.totals(photos, codes, np.ones(len(gap)), 1)[:, 0])
        count = photos.nunique()
        shared = {"pairs": len(gap), "photos": count} | known("difference", float(draws[0]), "no pair judged by both")
        if count < 2:
            reason = ONE_PHOTO if count else "no pair judged by both"
            return shared | {"interval": None, "interval_reason": reason, "p": None, "p_reason": reason}
        of_photos = gap.groupby(photos).mean()
        signs = {"p_sign_test": _sign_test(int((of_photos > 0).sum()), int((of_photos < 0).sum()))}
        return shared | {"interval": interval(draws), "p": two_sided_p(draws, count)} | signs

    def agreement(self) -> list[dict[str, Any]]:
        """Return for every two models how often both, one or neither is right on the pairs that both judged."""
        found = []
        for a, b in combinations(self.names, 2):
            both = self.correct[[a, b]].dropna()
            right, other = both[a] == 1, both[b] == 1
            wrong, other_wrong = both[a] == 0, both[b] == 0
            shares = {
                "same": both[a] == both[b],
                "both_right": right & other,
                "only_a": right & other_wrong,
                "only_b": wrong & other,
                "neither": wrong & other_wrong,
            }
            means = {name: float(share.mean()) if len(both) else None for name, share in shares.items()}
            either = self._estimate(right | other, "no pair judged by both")
            found.append(
                {"a": a, "b": b, "pairs": len(both)}
                | means
                | {"either_right": either, "averaged": self._averaged(a, b)}
            )
        return found

    def _averaged(self, a: str, b: str) -> dict[str, Any]:
        """Return the accuracy of the mean of both models' calibrated log-odds: what they reach as one judge."""
        mean = self.log_odds[[a, b]].dropna().mean(axis=1)
        right = (mean > 0).astype(float).mask(mean.abs() <= SAME_ODDS, 0.5)
        return self._estimate(right, "calibration needs pairs of at least two photos that both judged")

    def nobody_right(self) -> dict[str, Any]:
        """Return the share of pairs that no model gets right, among those that all of them judged."""
        all_judged = self.correct.dropna()
        nobody = ~(all_judged == 1).any(axis=1)
        kinds = self.kinds[nobody.index]
        return {
            "overall": self._estimate(nobody, NO_PAIR),
            "by_degradation": {kind: self._estimate(nobody[kinds == kind], NO_PAIR) for kind in self.types},
        }

    def _estimate(self, values: "pd.Series[Any]", undefined: str) -> dict[str, Any]:
        """Return the mean of a value per pair, with its interval over photos."""
        photos, numbers = self.photos[values.index], values.to_numpy(np.float64)
        return mean_estimate("share", photos, numbers, self.boot, undefined) | {"pairs": len(values)}

    def pairwise(self) -> list[dict[str, Any]]:
        """Return every two models' comparison over all pairs and what it shows."""
        found = [{"a": a, "b": b} | self.between(a, b) for a, b in combinations(self.names, 2)]
        for one in corrected(found):
            ahead = one["a"] if (one["difference"] or 0) > 0 else one["b"]
            one["better"] = ahead if _shown(one) else None
            one["verdict"] = f"{ahead} better" if _shown(one) else TOO_CLOSE
        return found


def ranking(models: dict[str, Any], pairwise: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the models from the most accurate down, each with its place: one more than there are shown to be better.

    Models that cannot be told apart share a place, so two may share one with a third and not with each other.

    Example:
        >>> models = {name: {"overall": {"accuracy": share}} for name, share in (("a", 0.9), ("b", 0.8), ("c", 0.6))}
        >>> pairwise = [{"a": "a", "b": "b", "better": None}, {"a": "b", "b": "c", "better": "b"}]
        >>> [(one["model"], one["place"]) for one in ranking(models, pairwise)]
        [('a', 1), ('b', 1), ('c', 2)]
    """
    beaten = dict.fromkeys(models, 0)
    for one in pairwise:
        if one["better"] is not None:
            beaten[one["b"] if one["better"] == one["a"] else one["a"]] += 1
    known_first = sorted(models, key=lambda name: -(models[name]["overall"]["accuracy"] or 0.0))
    return [{"model": name, "place": 1 + beaten[name]} for name in known_first]


def winners(differences: Differences, models: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return per type the most accurate model and whether it is shown to be better than the runner-up."""
    found: dict[str, dict[str, Any]] = {}
    for kind in differences.types:
        accuracy = {name: model["by_degradation"].get(kind, {}).get("accuracy") for name, model in models.items()}
        ranked = sorted((name for name, value in accuracy.items() if value is not None), key=lambda n: -accuracy[n])
        if len(ranked) > 1:
            versus = differences.between(ranked[0], ranked[1], kind)
        elif ranked:
            alone = "only one model judged this type"
            versus = known("difference", None, alone) | known("interval", None, alone) | known("p", None, alone)
        else:
            continue
        runner_up = ranked[1] if len(ranked) > 1 else None
        found[kind] = {"best": ranked[0], "accuracy": accuracy[ranked[0]], "runner_up": runner_up} | versus
    for one in corrected(list(found.values())):
        shown = _shown(one) and one["interval"][0] > 0
        one["better"] = one["best"] if shown else None
        one["verdict"] = f"{one['best']} better" if shown else NO_DIFFERENCE
    return found


def best_per_type(winners: dict[str, dict[str, Any]], judged: pd.DataFrame) -> dict[str, Any]:
    """Return the accuracy of a perfect choice of model per type, each type weighing as many pairs as it has."""
    pairs = judged.drop_duplicates(CELL).groupby("degradation_type").size()
    right = sum(winner["accuracy"] * int(pairs[kind]) for kind, winner in winners.items())
    choice = {kind: winner["best"] for kind, winner in winners.items()}
    return known("accuracy", right / int(pairs.sum()) if winners else None, NO_PAIR) | {"choice": choice}


def _sign_test(better: int, worse: int) -> float:
    """Return the p-value of "as many photos on either side", exactly; a cross-check, in which no size counts.

    Example:
        >>> _sign_test(5, 0), _sign_test(0, 0)
        (0.0625, 1.0)
    """
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def corrected(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the comparisons, with the Holm-corrected p added to each that has a p."""
    tested = [one for one in found if one["p"] is not None]
    for one, p in zip(tested, holm([one["p"] for one in tested]), strict=True):
        one["p_holm"] = p
    for one in found:
        if one["p"] is None:
            one |= {"p_holm": None, "p_holm_reason": one["p_reason"]}
    return found


def _shown(one: dict[str, Any]) -> bool:
    return one["p_holm"] is not None and one["p_holm"] < ALPHA
