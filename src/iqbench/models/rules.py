"""Rule-based models: sharpness, exposure, colourfulness and contrast, alone or as a weighted sum.

Each term is computed from the pixels and clipped to 0..1; nothing is learned. A learned model should
beat them. Because of the clipping, very sharp photos tie on ``sharpness``.

All sums are whole numbers, so only the last step is rounded, and the photo is not copied to floating
point.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import cv2
import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.inference.image_statistics import Grey, luma, variance
from iqbench.interfaces import Photo, Scorer

Histogram = Int64[np.ndarray, "256"]


VALUES = np.arange(256)

STRIP = 1 << 18
"""Pixels that are processed together, few enough for a core's cache."""


def exposure(histogram: Histogram) -> float:
    """Return half the share of pixels that are not black or white, plus half the relative entropy of the histogram."""
    share = histogram / histogram.sum()
    occupied = share[share > 0]
    entropy = -float((occupied * np.log(occupied)).sum()) / math.log(256)
    return 0.5 * (1 - float(share[0] + share[255])) + 0.5 * entropy


def colorfulness(photo: Photo) -> float:
    """Return the colourfulness of Hasler and Suesstrunk, over 100.

    Their opponent colours are rg = R - G and yb = (R + G) / 2 - B. Sums of squared differences of
    channels are whole numbers, and they give the sum of squares of 2 yb = (R - B) + (G - B) through
    (a + b)^2 = 2 a^2 + 2 b^2 - (a - b)^2.

    Reference:
        Hasler and Suesstrunk, *Measuring colourfulness in natural images*, SPIE 2003.
    """
    red = green = blue = squares_rg = squares_rb = squares_gb = 0
    for strip in _strips(photo):
        r, g, b = cv2.split(strip, [np.empty(strip.shape[:2], dtype=np.uint8) for _ in range(3)])  # 4 times as fast
        red += round(cv2.sumElems(r)[0])
        green += round(cv2.sumElems(g)[0])
        blue += round(cv2.sumElems(b)[0])
        squares_rg += round(cv2.norm(r, g, cv2.NORM_L2SQR))
        squares_rb += round(cv2.norm(r, b, cv2.NORM_L2SQR))
        squares_gb += round(cv2.norm(g, b, cv2.NORM_L2SQR))
    pixels = photo.shape[0] * photo.shape[1]
    rg, yb = red - green, red + green - 2 * blue
    variance_rg = variance(pixels, rg, squares_rg)
    variance_yb = variance(pixels, yb, 2 * (squares_rb + squares_gb) - squares_rg) / 4
    return (math.sqrt(variance_rg + variance_yb) + 0.3 * math.hypot(rg / pixels, yb / 2 / pixels)) / 100


def contrast(histogram: Histogram) -> float:
    """Return the standard deviation over the mean, over 0.8; 0 for a black picture."""
    total, squares, pixels = (int(values @ histogram) for values in (VALUES, VALUES * VALUES, np.ones_like(VALUES)))
    return math.sqrt(variance(pixels, total, squares)) / (total / pixels) / 0.8 if total else 0.0


def _histogram(grey: Grey) -> Histogram:
    """Return the number of pixels of each value, in strips because OpenCV counts in float32, exact up to 2^24."""
    counts = np.zeros(256)
    for strip in _strips(grey):
        counts += cv2.calcHist([strip], [0], None, [256], [0, 256]).ravel()
    return counts.astype(np.int64)


def _strips(picture: UInt8[np.ndarray, "height width ..."]) -> Iterator[UInt8[np.ndarray, "rows width ..."]]:
    rows = max(1, STRIP // picture.shape[1])
    yield from (picture[top : top + rows] for top in range(0, picture.shape[0], rows))


TERMS = ("sharpness", "exposure", "colorfulness", "contrast")


def terms(photo: Photo) -> Float64[np.ndarray, "4"]:
    """Return the four terms in the order of `TERMS`, unclipped.

    Example:
        >>> terms(np.full((8, 8, 3), 128, dtype=np.uint8)).tolist()
        [0.0, 0.5, 0.0, 0.0]
    """
    grey, sharp = luma(photo)
    histogram = _histogram(grey)
    return np.array([sharp, exposure(histogram), colorfulness(photo), contrast(histogram)])


@dataclass(frozen=True)
class Terms:
    """The preparation of all rule-based models: they differ in what they make of the four terms."""

    def prepare(self, photo: Photo) -> Float64[Tensor, "4"]:
        """Return the four terms."""
        return torch.from_numpy(terms(photo))


@final
class Rules(Scorer):
    """A weighted sum of the terms.

    Args:
        weights: Weight of each term; 0 for a missing one.
        clipped: Whether to clip each term to 0..1 first, as in the published score. Unclipped terms
            tie less often, but one of them may outweigh the others.

    Raises:
        UsageError: If there is no such term.
    """

    input_names = TERMS
    preparation = Terms()

    def __init__(self, weights: dict[str, float], clipped: bool) -> None:
        unknown = sorted(set(weights) - set(TERMS))
        if unknown:
            raise UsageError(f"model.weights: no term {', '.join(unknown)}; the terms are {', '.join(TERMS)}")
        self.weights = torch.tensor([weights.get(term, 0.0) for term in TERMS], dtype=torch.float64)
        self.clipped = clipped

    def prepare(self, photo: Photo) -> Float64[Tensor, "4"]:
        """Return the four terms. Computing them is nearly all of the work, so it is done in a worker."""
        return self.preparation.prepare(photo)

    def encode(self, inputs: Float64[Tensor, "n 4"]) -> Float64[Tensor, "n 1"]:
        """Return the weighted sum, 0..1 if clipped."""
        values = inputs.clamp(0, 1) if self.clipped else inputs
        return (values * self.weights.to(inputs.device)).sum(dim=1, keepdim=True)
