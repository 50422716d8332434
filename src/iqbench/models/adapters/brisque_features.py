"""The 36 features of BRISQUE: shape and spread of a photo's normalised pixels, at two scales.

Follows the authors' C++ release, which OpenCV's contrib module ``quality`` keeps: the published support vector machine
was trained on its features.

Reference:
    Mittal, Moorthy and Bovik, *No-reference image quality assessment in the spatial domain*, IEEE TIP 2012.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Float64
from scipy.special import gamma

from iqbench.interfaces import Photo

Coefficients = Float32[np.ndarray, "height width"]

FEATURES = 36

MIN_SIDE = 4
"""Pixels that a side needs, so that each has a neighbour at half size."""

STRIP = 1 << 18
"""Pixels that are normalised together, so that a large photo takes little memory in double precision."""

_WINDOW, _SIGMA, _RADIUS = (7, 7), 7 / 6, 3
"""The Gaussian window of the local mean and deviation, in pixels."""

_ROUNDING = 1e-4
"""Coefficients up to this size are rounding errors: the smallest real one, at one grey level, is 1.6e-4."""

_SHAPES = np.arange(0.2, 10, 0.001)
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))


class Fit(NamedTuple):
    """An asymmetric generalised Gaussian distribution: its shape, and its spread below and above zero."""

    shape: float
    left: float
    right: float

    @property
    def mean(self) -> float:
        """The mean of the distribution."""
        spread = np.sqrt(gamma(1 / self.shape) / gamma(3 / self.shape))
        return float((self.right - self.left) * gamma(2 / self.shape) / gamma(1 / self.shape) * spread)


def brisque_features(photo: Photo) -> Float64[np.ndarray, "36"]:
    """Return the features: for each scale the fit of the coefficients, and those of four products of neighbours.

    A photo of one colour has no spread: its fits have the largest shape and the spread 0.

    Raises:
        ValueError: If a side has fewer than four pixels.

    Example:
        >>> brisque_features(np.zeros((32, 32, 3), dtype=np.uint8))[:2].round(3).tolist()
        [9.999, 0.0]
    """
    height, width = photo.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"{width}x{height} pixels; BRISQUE compares neighbours at half size, so it needs {MIN_SIDE}")
    grey = cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY)
    half = cv2.resize(grey.astype(np.float64), (width // 2, height // 2), interpolation=cv2.INTER_CUBIC)
    return np.array([feature for scale in (grey, half) for feature in _of_scale(normalised(scale))])


def normalised(grey: np.ndarray) -> Coefficients:
    """Return the mean-subtracted, contrast-normalised coefficients of a grey picture with values from 0 to 255."""
    height, width = grey.shape
    coefficients = np.empty((height, width), dtype=np.float32)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        first, last = max(0, top - _RADIUS), min(height, top + rows + _RADIUS)
        strip = _normalised_strip(grey[first:last].astype(np.float64))
        coefficients[top : top + rows] = strip[top - first : top - first + rows]
    return coefficients


def _normalised_strip(grey: Float64[np.ndarray, "height width"]) -> Float64[np.ndarray, "height width"]:
    mean = cv2.GaussianBlur(grey, _WINDOW, _SIGMA, borderType=cv2.BORDER_REPLICATE)
    squares = cv2.GaussianBlur(grey * grey, _WINDOW, _SIGMA, borderType=cv2.BORDER_REPLICATE)
    variance = np.maximum(cv2.subtract(squares, cv2.multiply(mean, mean)), 0)
    coefficients = cv2.divide(cv2.subtract(grey, mean), np.sqrt(variance, out=variance) + 1)
    coefficients[np.abs(coefficients) <= _ROUNDING] = 0
    return np.asarray(coefficients)


def _of_scale(coefficients: Coefficients) -> list[float]:
    """Return the 18 features of a scale."""
    pixels = coefficients.size
    own = fit(coefficients, pixels)
    features = [own.shape, (own.left**2 + own.right**2) / 2]
    for first, second in (
        (coefficients[:, :-1], coefficients[:, 1:]),
        (coefficients[:-1], coefficients[1:]),
        (coefficients[:-1, :-1], coefficients[1:, 1:]),
        (coefficients[1:, :-1], coefficients[:-1, 1:]),
    ):
        pair = fit(cv2.multiply(first, second), pixels)
        features += [pair.shape, pair.mean, pair.left**2, pair.right**2]
    return features


def fit(values: Coefficients, pixels: int) -> Fit:
    """Fit the distribution by its moments, to the nearest of the shapes 0.2, 0.201, ... 9.999.

    Args:
        values: The values; there may be none.
        pixels: The number of pixels over which moments are taken: those without a neighbour count as 0.
    """
    sides = np.minimum(values, 0), np.maximum(values, 0)
    squares_below, squares_above = (cv2.norm(side, cv2.NORM_L2SQR) for side in sides)  # sums in double precision
    if not squares_below + squares_above:
        return Fit(float(_SHAPES[-1]), 0.0, 0.0)
    count_below, count_above = (max(1, cv2.countNonZero(side)) for side in sides)
    left, right = np.sqrt(squares_below / count_below), np.sqrt(squares_above / count_above)
    magnitude = cv2.norm(values, cv2.NORM_L1) / pixels
    ratio = magnitude**2 / ((squares_below + squares_above) / pixels)
    skewed = ratio * (left**3 + right**3) * (left + right) / (left**2 + right**2) ** 2
    return Fit(float(_SHAPES[np.abs(_RATIOS - skewed).argmin()]), float(left), float(right))
