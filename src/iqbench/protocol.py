"""From margins to verdicts: better, worse, tie; and what each is worth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float64

from iqbench.errors import UsageError

Orders = Literal["both", "original_first"]


@dataclass(frozen=True)
class Protocol:
    """The rule by which a model's two answers about a pair become one verdict.

    With ``both`` orders the margin is half the difference of the answer to (original, degraded) and
    the answer to (degraded, original), so whatever a model says for standing first cancels. With
    ``original_first`` only the first answer counts, as in the predecessor, whose result this repeats:
    a model that always says "first" is then right every time.

    Args:
        name: What results call the rule.
        orders: Which answers count.
        tie_worth: What a tie adds to accuracy.
        tie_margin: Margins of at most this size, in the model's own units, are ties.
    """

    name: str
    orders: Orders
    tie_worth: float
    tie_margin: float

    def __post_init__(self) -> None:
        if self.orders not in ("both", "original_first"):
            raise UsageError(f"protocol.orders={self.orders}: must be both or original_first")
        if not 0 <= self.tie_worth <= 1:
            raise UsageError(f"protocol.tie_worth={self.tie_worth}: must be from 0 to 1")
        if not self.tie_margin >= 0:
            raise UsageError(f"protocol.tie_margin={self.tie_margin}: must be 0 or more")


def judge(answers: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the verdict on each pair.

    Args:
        answers: A row per pair: ``forward`` and ``backward`` (the model's margins for original first
            and for original second; NaN where it gave none), and ``score_original``,
            ``score_degraded`` (NaN where it has none).
        protocol: The rule.

    Returns:
        A row per pair: ``margin``; ``prediction`` (1 original better, 0 degraded better, missing for
        a tie); ``correct`` (1, 0, or what a tie is worth); ``order_consistent`` (both orders say the
        same); ``confidence`` (of the verdict, on the scale of probabilities; the legacy rule reports
        the predecessor's) and ``legacy_confidence`` (the predecessor's: relative difference for a
        score, else the same as ``confidence`` of the first answer).

    Example:
        >>> fair = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=0.0)
        >>> says_first = pd.DataFrame({"forward": [1.0], "backward": [1.0], "score_original": [np.nan],
        ...                            "score_degraded": [np.nan]})
        >>> judge(says_first, fair)["correct"].item()
        0.5
    """
    forward, backward = answers["forward"].to_numpy(np.float64), answers["backward"].to_numpy(np.float64)
    margin = (forward - backward) / 2 if protocol.orders == "both" else forward
    sign = _sign(margin, protocol.tie_margin)
    consistent = _sign(forward, protocol.tie_margin) == -_sign(backward, protocol.tie_margin)
    asked = ~np.isnan(margin)
    legacy = _legacy_confidence(forward, answers)
    return pd.DataFrame(
        {
            "margin": margin,
            "prediction": pd.array(np.where(sign > 0, 1, 0), dtype="Int64").copy(),
            "correct": np.where(asked, np.where(sign == 0, protocol.tie_worth, sign > 0), np.nan),
            "order_consistent": pd.array(consistent, dtype="boolean"),
            "confidence": legacy if protocol.orders == "original_first" else _probability(np.abs(margin)),
            "legacy_confidence": legacy,
        },
        index=answers.index,
    ).assign(
        prediction=lambda verdicts: verdicts["prediction"].mask((sign == 0) | ~asked),
        order_consistent=lambda verdicts: verdicts["order_consistent"].mask(~asked),
    )


def _sign(margin: Float64[np.ndarray, "n"], tie_margin: float) -> Float64[np.ndarray, "n"]:
    return np.where(np.abs(margin) <= tie_margin, 0.0, np.sign(margin))


def _probability(margin: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    probability: Float64[np.ndarray, n] = 1 / (1 + np.exp(-margin))
    return probability


def _legacy_confidence(forward: Float64[np.ndarray, "n"], answers: pd.DataFrame) -> Float64[np.ndarray, "n"]:
    original = answers["score_original"].to_numpy(np.float64)
    degraded = answers["score_degraded"].to_numpy(np.float64)
    higher = np.maximum(np.abs(original), np.abs(degraded))
    relative = np.divide(np.abs(original - degraded), higher, out=np.zeros_like(higher), where=higher > 0)
    return np.where(np.isnan(original), _probability(np.abs(forward)), relative)
