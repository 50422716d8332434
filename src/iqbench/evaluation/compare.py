"""The paired difference of two judges on the labels that both answered."""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.evaluation.agreement import cluster_bootstrap
from iqbench.evaluation.answers import pair_answers, vote_answers
from iqbench.evaluation.measures import CONSTANT, NO_WINNER
from iqbench.metrics.pairs import hits
from iqbench.results.evaluation_summary import PairedDifference
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import Array
from iqbench.statistics.paired_tests import two_sided_p
from iqbench.statistics.resampled_measures import ONE_PHOTO, PairBootstrap, srcc_draws


def paired_difference(
    answers_a: pd.DataFrame, answers_b: pd.DataFrame, config: BootstrapConfig, tie_worth: float = 0.5
) -> PairedDifference:
    """Return the accuracy on pairs, or the SRCC with votes, of judge a minus that of judge b.

    Both are compared on the labels that both answered, with the same resamples. ``p`` is that of no
    difference in a single comparison; several need `iqbench.statistics.paired_tests.holm`.

    Args:
        answers_a: As for `iqbench.evaluation.agreement.pair_agreement`, or `vote_agreement`.
        answers_b: The other judge's answers about the same labels.
        config: The seed and the number of resamples.
        tie_worth: The accuracy of a tie.

    Raises:
        UsageError: If the two tables hold different labels.
    """
    if "first" in answers_a:
        return _accuracy_difference(pair_answers(answers_a), pair_answers(answers_b), config, tie_worth)
    return _srcc_difference(vote_answers(answers_a), vote_answers(answers_b), config)


def _accuracy_difference(
    a: pd.DataFrame, b: pd.DataFrame, config: BootstrapConfig, tie_worth: float
) -> PairedDifference:
    judged = _judged_by_both(a, b, ["series", "first", "second"], ["preference", "weight"])
    bootstrap = PairBootstrap(judged, config)
    preference, weight = (judged[name].to_numpy(np.float64) for name in ("preference", "weight"))
    right = [hits(judged[name].to_numpy(np.float64), preference, tie_worth) for name in ("margin", "margin_b")]
    means = bootstrap.means(np.stack(right, axis=1), weight)
    return _difference(
        (means[:, 0], means[:, 1]),
        units=bootstrap.units,
        n=int(((preference != 0.5) & (weight > 0)).sum()),
        undefined=NO_WINNER,
        no_interval=bootstrap.no_interval,
        measure="accuracy",
        left_out=len(a) - len(judged),
        bootstrap=cluster_bootstrap(bootstrap.unit, bootstrap.units, config),
    )


def _srcc_difference(a: pd.DataFrame, b: pd.DataFrame, config: BootstrapConfig) -> PairedDifference:
    judged = _judged_by_both(a, b, ["photo"], ["true"])
    weights, count = Bootstrap(judged["photo"].tolist(), config).weights, len(judged)
    true, *predicted = (judged[name].to_numpy(np.float64) for name in ("true", "predicted", "predicted_b"))
    draws_a, draws_b = (srcc_draws(weights, scores, true) for scores in predicted)
    return _difference(
        (draws_a, draws_b),
        units=count,
        n=count,
        undefined=CONSTANT,
        no_interval=ONE_PHOTO if count < 2 else "",
        measure="srcc",
        left_out=len(a) - count,
        bootstrap=cluster_bootstrap("photo", count, config),
    )


def _judged_by_both(a: pd.DataFrame, b: pd.DataFrame, keys: list[str], labels: list[str]) -> pd.DataFrame:
    """Return the rows that both judges answered. A pair with several labels has as many rows in both."""
    numbered_a, numbered_b = (table.assign(repeat=table.groupby(keys).cumcount()) for table in (a, b))
    both = numbered_a.merge(numbered_b, on=[*keys, "repeat"], suffixes=("", "_b"), sort=True)
    same = all(np.allclose(both[name], both[f"{name}_b"], rtol=0, atol=1e-9) for name in labels)
    if not same or not len(a) == len(b) == len(both):
        raise UsageError("two models were evaluated on different labels; evaluate both on the same set and split")
    return both[(both["status"] == "ok") & (both["status_b"] == "ok")]


def _difference(draws: tuple[Array, Array], units: int, **fields: Any) -> PairedDifference:
    """Return the difference of the draws of two judges, with its interval and its p-value."""
    a, b = (float(side[0]) if np.isfinite(side[0]) else None for side in draws)
    gap = draws[0] - draws[1]
    difference = PairedDifference.from_draws(gap, a=a, b=b, p=None, **fields)
    if difference.interval is None:
        return difference.model_copy(update={"p_reason": difference.interval_reason})
    return difference.model_copy(update={"p": two_sided_p(gap, units)})
