"""Rule-based judges: sharpness, exposure, colourfulness and contrast, alone or weighted together.

No learning: each term is a number computed from the pixels, clipped to 0..1. They are the yardstick
that a learned model has to beat, and the clipping is part of them: on very sharp photos
``sharpness`` ties.

Everything is counted in whole numbers, so nothing is rounded before the last step and no copy of the
photo in floating point is made.
"""

import math
from collections.abc import Iterator
from typing import final
from weakref import ReferenceType, ref

import cv2
import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.interfaces import Photo, Scorer

Grey = UInt8[np.ndarray, "height width"]
Histogram = Int64[np.ndarray, "256"]


VALUES = np.arange(256)

STRIP = 1 << 18
"""Pixels that are looked at together: few enough to stay in a core's cache."""


def sharpness(grey: Grey) -> float:
    """Return the variance of the 3x3 Laplacian, over 1000.

    Reference:
        Pech-Pacheco et al., *Diatom autofocusing in brightfield microscopy*, ICPR 2000.
    """
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    return _variance(edges.size, round(cv2.sumElems(edges)[0]), round(cv2.norm(edges, cv2.NORM_L2SQR))) / 1000


_last: tuple[ReferenceType[Photo], tuple[Grey, float]] | None = None


def luma(photo: Photo) -> tuple[Grey, float]:
    """Return a photo in grey, and its `sharpness`: remembered, if it is the photo of the last call.

    So a judge's rules and a picture's plain facts, which both start here, do not count everything twice.
    Nothing is remembered of an array that can be written to.
    """
    global _last
    if _last is not None and _last[0]() is photo:
        return _last[1]
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    found = grey, sharpness(grey)
    _last = None if photo.flags.writeable else (ref(photo), found)
    return found


def exposure(histogram: Histogram) -> float:
    """Return half the share of pixels neither black nor white, plus half the relative entropy of the histogram."""
    share = histogram / histogram.sum()
    seen = share[share > 0]
    entropy = -float((seen * np.log(seen)).sum()) / math.log(256)
    return 0.5 * (1 - float(share[0] + share[255])) + 0.5 * entropy


def colorfulness(photo: Photo) -> float:
    """Return the colourfulness of Hasler and Suesstrunk, over 100.

    Their two opponent colours are rg = R - G and yb = (R + G) / 2 - B. Sums of squares of differences of
    channels are whole numbers, and those of 2 yb = (R - B) + (G - B) follow from them:
    (a + b)^2 = 2 a^2 + 2 b^2 - (a - b)^2.

    Reference:
        Hasler and Suesstrunk, *Measuring colourfulness in natural images*, SPIE 2003.
    """
    red = green = blue = squares_rg = squares_rb = squares_gb = 0
    for strip in _strips(photo):
        r, g, b = cv2.split(strip, [np.empty(strip.shape[:2], dtype=np.uint8) for _ in range(3)])  # 4 times as fast
        red, green, blue = (total + round(cv2.sumElems(one)[0]) for total, one in ((red, r), (green, g), (blue, b)))
        squares_rg += round(cv2.norm(r, g, cv2.NORM_L2SQR))
        squares_rb += round(cv2.norm(r, b, cv2.NORM_L2SQR))
        squares_gb += round(cv2.norm(g, b, cv2.NORM_L2SQR))
    pixels = photo.shape[0] * photo.shape[1]
    rg, yb = red - green, red + green - 2 * blue
    variance_rg = _variance(pixels, rg, squares_rg)
    variance_yb = _variance(pixels, yb, 2 * (squares_rb + squares_gb) - squares_rg) / 4
    return (math.sqrt(variance_rg + variance_yb) + 0.3 * math.hypot(rg / pixels, yb / 2 / pixels)) / 100


def contrast(histogram: Histogram) -> float:
    """Return the standard deviation over the mean, over 0.8; 0 for a black picture."""
    total, squares, pixels = (int(values @ histogram) for values in (VALUES, VALUES * VALUES, np.ones_like(VALUES)))
    return math.sqrt(_variance(pixels, total, squares)) / (total / pixels) / 0.8 if total else 0.0


def _variance(count: int, total: int, squares: int) -> float:
    """Return the variance of whole numbers from their sum and that of their squares, rounded once."""
    return (count * squares - total * total) / (count * count)


def _histogram(grey: Grey) -> Histogram:
    """Return how many pixels have each value. OpenCV counts in float32, which holds whole numbers of a strip's size."""
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


@final
class Rules(Scorer):
    """A weighted sum of the terms.

    Args:
        weights: Weight by term; a term that is not named has none.
        clipped: Whether each term is cut to 0..1 first, as in the published score. Unclipped terms
            tie less often, but one of them may outweigh the others.

    Raises:
        UsageError: If a weight is for a term that does not exist.
    """

    input_names = TERMS

    def __init__(self, weights: dict[str, float], clipped: bool) -> None:
        unknown = sorted(set(weights) - set(TERMS))
        if unknown:
            raise UsageError(f"model.weights: no term {', '.join(unknown)}; the terms are {', '.join(TERMS)}")
        self.weights = torch.tensor([weights.get(term, 0.0) for term in TERMS], dtype=torch.float64)
        self.clipped = clipped

    def prepare(self, photo: Photo) -> Float64[Tensor, "4"]:
        """Return the four terms: they are the whole work, and belong in a worker."""
        return torch.from_numpy(terms(photo))

    def encode(self, inputs: Float64[Tensor, "n 4"]) -> Float64[Tensor, "n 1"]:
        """Return the weighted sum, 0..1 if clipped."""
        values = inputs.clamp(0, 1) if self.clipped else inputs
        return (values * self.weights.to(inputs.device)).sum(dim=1, keepdim=True)
