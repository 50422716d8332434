"""Margins between examined photos, and what a model can tell apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from iqbench.inference.batching import compare_each
from iqbench.interfaces import QualityModel, Scorer, is_scorer
from iqbench.progress import track

AT_ONCE = 4096
"""Pairs that are compared in one batch."""

CERTAIN = 0.95
"""Share of the mirror images whose margin is noise."""

Values = Float64[np.ndarray, "n"]
Places = Int[np.ndarray, "n"]


@dataclass(frozen=True)
class Margins:
    """The margins of a model between photos that it has encoded.

    Args:
        model: The model.
        encodings: The encodings of the photos.
        device: The device of the model.
    """

    model: QualityModel
    encodings: Float[Tensor, "n d"]
    device: torch.device

    @property
    def has_scores(self) -> bool:
        """True if the model scores photos, otherwise it only compares them."""
        return is_scorer(self.model)

    @property
    def are_log_odds(self) -> bool:
        """True if a margin says how probable it is that a photo is better; a scorer's are in units of its own."""
        return not isinstance(self.model, Scorer)

    def between(self, first: Places, second: Places) -> Values:
        """Return the margin of each first photo over the second, asked in both orders; NaN without an answer."""
        return self.of(self.encodings[torch.as_tensor(first)], self.encodings[torch.as_tensor(second)])

    def of(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Values:
        """Return the margins between encodings; see `between`."""
        margins = np.empty(len(first))
        for start in range(0, len(first), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            a, b = first[part].to(self.device), second[part].to(self.device)
            forward, backward = compare_each(self.model.margin, a, b), compare_each(self.model.margin, b, a)
            margins[part] = (_numbers(forward) - _numbers(backward)) / 2
        return margins

    def strengths(self, places: Places, against: Places) -> Values:
        """Return the number that orders photos: a score, or the mean margin over other photos.

        Args:
            places: The photos.
            against: The photos that a model without scores compares them with; itself does not count.
        """
        if self.has_scores:
            return np.asarray(self.encodings[torch.as_tensor(places), 0].double().numpy())
        means = np.zeros(len(places))
        step = max(1, AT_ONCE // max(1, len(against)))
        starts = range(0, len(places), step)
        for start in track(starts, "comparing", len(starts)) if len(starts) > 1 else starts:
            part = places[start : start + step]
            first, second = np.repeat(part, len(against)), np.tile(against, len(part))
            counts = (first != second) & np.isfinite(margins := self.between(first, second))
            shape = len(part), len(against)
            sums = np.where(counts, margins, 0.0).reshape(shape).sum(axis=1)
            means[start : start + step] = sums / np.maximum(1, counts.reshape(shape).sum(axis=1))
        return means


@dataclass(frozen=True)
class Resolution:
    """The margins that a model cannot tell from none.

    Args:
        noise: The margin that `CERTAIN` of the photos do not exceed against their own mirror images.
        log_odds: The margin below which the model itself is not sure enough; 0 for a scorer's own units.
        photos: The number of photos of which the noise was measured.
    """

    noise: float
    log_odds: float
    photos: int

    @property
    def limit(self) -> float:
        """The margin below which two photos are too close to call."""
        return max(self.noise, self.log_odds)


def resolution(margins: Margins, pairs: Sequence[tuple[Tensor, Tensor]], probability: float) -> Resolution:
    """Return what a model can tell apart.

    Args:
        margins: The model.
        pairs: Encodings of photos and of their mirror images, which are as good.
        probability: The least probability that one photo is better, for a model whose margins are log-odds.
    """
    log_odds = math.log(probability / (1 - probability)) if margins.are_log_odds else 0.0
    if not pairs:
        return Resolution(0.0, log_odds, 0)
    first, second = (torch.stack(list(side)) for side in zip(*pairs, strict=True))
    sizes = np.abs(margins.of(first, second))
    sizes = sizes[np.isfinite(sizes)]
    noise = float(np.quantile(sizes, CERTAIN, method="higher")) if len(sizes) else 0.0
    return Resolution(noise, log_odds, len(sizes))


def _numbers(answers: Sequence[object]) -> Values:
    return np.array([answer if isinstance(answer, float) else math.nan for answer in answers], dtype=np.float64)
