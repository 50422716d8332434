"""The typed agreement of two models, and the pairs of photos that tell which of the two is wrong."""

from typing import Literal

from iqbench.records import ONE_PAIR, Record, without_interval
from iqbench.statistics.estimate import Share

NO_DIFFERENCE, SURE = 0.05, 0.25
"""Distances of P from 1/2: up to the first a defender sees no difference, from the second on an attacker is sure."""

Side = Literal["a", "b"]
"""The first or the second of two models."""


class PairToLookAt(Record):
    """An original and a degraded copy of ``photo`` that two models judge differently; P(original better) of both."""

    photo: str
    sha256: str
    degradation_type: str
    ladder: str
    level: str
    severity: int
    probability_a: float = without_interval(ONE_PAIR)
    probability_b: float = without_interval(ONE_PAIR)


class Disagreement(PairToLookAt):
    """A photo and its own copy, about which one model is surely right and another surely wrong."""


class GmadPair(PairToLookAt):
    """The original of another photo and a copy of ``photo``, in a gMAD competition.

    The ``defender`` sees no difference (P from 45 to 55 %), the other model, the attacker, is sure (above 75 % or
    below 25 %). The probabilities are calibrated on the pairs of the cross-photo sample.
    """

    defender: Side
    original: str
    original_sha256: str


class ModelAgreement(Record):
    """The agreement of two models, and the accuracy of both together: if either is right, and if averaged.

    ``disagreements`` and ``gmad`` are the pairs to look at first: an original and its own copy on which the calibrated
    models contradict each other most, at most one per photo; and photos of the gMAD competition (Ma et al., CVPR
    2016). None are listed among many models.
    """

    a: str
    b: str
    pairs: int
    same: Share
    both_right: Share
    only_a: Share
    only_b: Share
    neither: Share
    either_right: Share
    averaged: Share
    disagreements: list[Disagreement]
    gmad: list[GmadPair]
