"""The protocol: how two answers about a pair become a margin, a verdict and its worth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float64

from iqbench.errors import UsageError

OWN_FAULTS = ("model_error", "nonfinite", "prepare_error")
"""Statuses of questions that a model was asked and did not answer. They are worth a tie."""

MACHINE_FAULTS = ("process_died", "timeout")
"""Statuses that are a model's fault only where another model answered."""

Orders = Literal["both", "original_first"]
Values = Float64[np.ndarray, "n"]


@dataclass(frozen=True)
class Protocol:
    """The rule that turns a model's two answers about a pair into one verdict.

    With ``both`` orders the margin is half the difference between the answer to (original, degraded) and
    the answer to (degraded, original), so position bias cancels. With ``original_first`` only the first
    answer counts, as in the predecessor: a model that always chooses the first photo is then always right.

    Args:
        name: The name of the rule in results.
        orders: The answers that count.
        tie_worth: The accuracy of a tie.
        tie_margin: Margins of at most this size, in the model's own units, are ties.
        margin: Percentage points of accuracy within which two models count as equal; None for no such claim. It
            changes no verdict about a pair.
    """

    name: str
    orders: Orders
    tie_worth: float
    tie_margin: float
    margin: float | None = None

    def __post_init__(self) -> None:
        if self.orders not in ("both", "original_first"):
            raise UsageError(f"protocol.orders={self.orders}: must be both or original_first")
        if not 0 <= self.tie_worth <= 1:
            raise UsageError(f"protocol.tie_worth={self.tie_worth}: must be from 0 to 1")
        if not self.tie_margin >= 0:
            raise UsageError(f"protocol.tie_margin={self.tie_margin}: must be 0 or more")
        if self.margin is not None and not 0 < self.margin <= 100:
            raise UsageError(f"protocol.margin={self.margin}: must be above 0 and at most 100 points, or null")


def combine_orders(forward: Values, backward: Values, protocol: Protocol) -> Values:
    """Return the margin of the first photo of each pair, NaN where an answer that counts is missing.

    Args:
        forward: The model's margin of the first photo, which it saw first.
        backward: The model's margin of the other photo, which it saw first.
        protocol: The rule.

    Example:
        >>> fair = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=0.0)
        >>> combine_orders(np.array([3.0, 1.0]), np.array([-1.0, 1.0]), fair).tolist()
        [2.0, 0.0]
    """
    return (forward - backward) / 2 if protocol.orders == "both" else forward


def verdict_signs(margins: Values, protocol: Protocol) -> Values:
    """Return 1 where the first photo is better, -1 where the other is, 0 for a tie, NaN without a margin.

    Example:
        >>> wide = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=0.5)
        >>> verdict_signs(np.array([0.6, -0.4, -2.0]), wide).tolist()
        [1.0, 0.0, -1.0]
    """
    return np.where(np.abs(margins) <= protocol.tie_margin, 0.0, np.sign(margins))


def orders_agree(forward: Values, backward: Values, protocol: Protocol) -> Values:
    """Return 1 where both orders name the same photo, else 0; NaN where an answer that counts is missing."""
    agree = (verdict_signs(forward, protocol) == -verdict_signs(backward, protocol)).astype(np.float64)
    return np.where(np.isnan(combine_orders(forward, backward, protocol)), np.nan, agree)


def decide(answers: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the verdict on each pair of an original and a degraded copy.

    Args:
        answers: A row per pair: ``forward`` and ``backward`` (the model's margins for original first
            and for original second; NaN without an answer), ``score_original`` and ``score_degraded``
            (NaN for a model without a score).
        protocol: The rule.

    Returns:
        A row per pair: ``margin``; ``prediction`` (1 original better, 0 degraded better, missing for a
        tie); ``correct`` (1, 0, or the worth of a tie); ``order_consistent`` (both orders name the same
        photo); ``confidence`` (of the verdict, a probability; the legacy rule reports the predecessor's)
        and ``legacy_confidence`` (the predecessor's: the relative difference of two scores, else the
        probability of the first answer).

    Example:
        >>> fair = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=0.0)
        >>> always_first = pd.DataFrame({"forward": [1.0], "backward": [1.0], "score_original": [np.nan],
        ...                              "score_degraded": [np.nan]})
        >>> decide(always_first, fair)["correct"].item()
        0.5
    """
    forward, backward = answers["forward"].to_numpy(np.float64), answers["backward"].to_numpy(np.float64)
    margins = combine_orders(forward, backward, protocol)
    signs = verdict_signs(margins, protocol)
    answered = ~np.isnan(margins)
    consistent = orders_agree(forward, backward, protocol)
    legacy = _legacy_confidence(forward, answers)
    predictions = pd.Series(pd.array(np.where(signs > 0, 1, 0), dtype="Int64"), index=answers.index)
    return pd.DataFrame(
        {
            "margin": margins,
            "prediction": predictions.mask((signs == 0) | ~answered),
            "correct": np.where(answered, np.where(signs == 0, protocol.tie_worth, signs > 0), np.nan),
            "order_consistent": pd.Series(pd.array(consistent == 1, dtype="boolean"), answers.index).mask(~answered),
            "confidence": legacy if protocol.orders == "original_first" else _probability(np.abs(margins)),
            "legacy_confidence": legacy,
        },
        index=answers.index,
    )


def _probability(margins: Values) -> Values:
    """Return the sigmoid of the margins, which are not negative, so that nothing overflows."""
    probability: Values = 1 / (1 + np.exp(-margins))
    return probability


def _legacy_confidence(forward: Values, answers: pd.DataFrame) -> Values:
    """Return the predecessor's confidence: see `decide`."""
    original = answers["score_original"].to_numpy(np.float64)
    degraded = answers["score_degraded"].to_numpy(np.float64)
    higher = np.maximum(np.abs(original), np.abs(degraded))
    relative = np.divide(np.abs(original - degraded), higher, out=np.zeros_like(higher), where=higher > 0)
    return np.where(np.isnan(original), _probability(np.abs(forward)), relative)
