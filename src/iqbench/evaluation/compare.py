"""Is one model really better than another, or than one that looks at no photo?"""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.evaluation.answers import pair_answers, vote_answers
from iqbench.evaluation.measures import CONSTANT, NO_WINNER, bootstrap
from iqbench.metrics.pairs import hits
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import Array
from iqbench.statistics.paired_tests import two_sided_p
from iqbench.statistics.resampled_measures import ONE_PHOTO, PairDraws, estimate, srcc_draws


def paired_difference(answers_a: pd.DataFrame, answers_b: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    """Return how much better model a is than model b: in accuracy about pairs, or in SRCC about votes.

    Both are judged on what both of them answered, and resampled alike. ``p`` is that of no difference
    in a single comparison: several need `iqbench.statistics.paired_tests.holm`.

    Args:
        answers_a: As for `iqbench.evaluation.measures.pair_measures`, or `vote_measures`.
        answers_b: The other model's answers about the same labels.
        seed: Seed of the resampling.
        resamples: Number of resamples.

    Raises:
        UsageError: If the two tables hold different labels.
    """
    if "first" in answers_a:
        return _of_accuracies(pair_answers(answers_a), pair_answers(answers_b), seed, resamples)
    return _of_srccs(vote_answers(answers_a), vote_answers(answers_b), seed, resamples)


def _of_accuracies(a: pd.DataFrame, b: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    judged = _judged_by_both(a, b, ["series", "first", "second"], ["preference", "weight"])
    draws = PairDraws(judged, seed, resamples)
    preference, weight = (judged[name].to_numpy(np.float64) for name in ("preference", "weight"))
    right = [hits(judged[name].to_numpy(np.float64), preference) for name in ("margin", "margin_b")]
    means = draws.means(np.stack(right, axis=1), weight)
    count = int(((preference != 0.5) & (weight > 0)).sum())
    found = _difference(means[:, 0], means[:, 1], count, draws.units, NO_WINNER, draws.reason)
    how = bootstrap(draws.unit, draws.units, seed, resamples)
    return {"measure": "accuracy"} | found | {"left_out": len(a) - len(judged), "bootstrap": how}


def _of_srccs(a: pd.DataFrame, b: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    judged = _judged_by_both(a, b, ["photo"], ["true"])
    weights, count = Bootstrap(judged["photo"].tolist(), BootstrapConfig(seed, resamples)).weights, len(judged)
    true, *predicted = (judged[name].to_numpy(np.float64) for name in ("true", "predicted", "predicted_b"))
    one, other = (srcc_draws(weights, scores, true) for scores in predicted)
    found = _difference(one, other, count, count, CONSTANT, ONE_PHOTO if count < 2 else "")
    how = bootstrap("photo", count, seed, resamples)
    return {"measure": "srcc"} | found | {"left_out": len(a) - count, "bootstrap": how}


def _judged_by_both(a: pd.DataFrame, b: pd.DataFrame, keys: list[str], labels: list[str]) -> pd.DataFrame:
    """Return the rows that neither model failed; a pair that was labelled several times has as many rows in both."""
    one, other = (table.assign(again=table.groupby(keys).cumcount()) for table in (a, b))
    both = one.merge(other, on=[*keys, "again"], suffixes=("", "_b"), sort=True)
    same = all(np.allclose(both[name], both[f"{name}_b"], rtol=0, atol=1e-9) for name in labels)
    if not same or not len(a) == len(b) == len(both):
        raise UsageError("two models are compared on different labels: evaluate both on the same set and split")
    return both[(both["status"] == "ok") & (both["status_b"] == "ok")]


def _difference(a: Array, b: Array, count: int, units: int, undefined: str, no_interval: str) -> dict[str, Any]:
    """Return the difference of two models' draws, its interval and its p."""
    found = estimate(a - b, count, undefined, no_interval)
    values = {name: float(draws[0]) if np.isfinite(draws[0]) else None for name, draws in (("a", a), ("b", b))}
    if found["interval"] is None:
        reason = found.get("reason") or found["interval_reason"]
        return found | values | {"p": None, "p_reason": reason}
    return found | values | {"p": two_sided_p(a - b, units)}
