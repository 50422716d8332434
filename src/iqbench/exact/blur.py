"""OpenCV's Gaussian blur of 8-bit pictures."""

import math
from functools import cache

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from iqbench.exact.integers import constant, mirrored_places, rounded_shift

BITS = 8
"""Bits behind the point of a weight of the kernel."""


def gaussian_blur(
    photos: UInt8[Tensor, "*batch 3 height width"], sigma: float
) -> UInt8[Tensor, "*batch 3 height width"]:
    """Return photos blurred by a Gaussian of ``sigma`` pixels, truncated at three sigma; mirrored at the borders.

    Example:
        >>> photos = torch.zeros(3, 5, 5, dtype=torch.uint8)
        >>> photos[:, 2, 2] = 200
        >>> gaussian_blur(photos, sigma=0.5)[0, 2].tolist()
        [0, 17, 125, 17, 0]
    """
    weights = _weights(float(sigma))
    across = _weighted(photos.to(torch.int32), weights, -1)  # below 2 ** 16
    return rounded_shift(_weighted(across, weights, -2), 2 * BITS).to(torch.uint8)  # below 2 ** 24


def _weighted(numbers: Tensor, weights: tuple[int, ...], dim: int) -> Tensor:
    side, reach = numbers.shape[dim], len(weights) // 2
    wide = numbers.index_select(dim, constant(mirrored_places(side, reach, reach), numbers.device))
    total = weights[reach] * wide.narrow(dim, reach, side)
    for at, weight in enumerate(weights[:reach]):
        if weight:
            total += weight * (wide.narrow(dim, at, side) + wide.narrow(dim, 2 * reach - at, side))
    return total


@cache
def _weights(sigma: float) -> tuple[int, ...]:
    """Return the weights in 256ths. The error of each rounding is carried to the next, and the rest to the middle."""
    side = 2 * math.ceil(3 * sigma) + 1
    exact = cv2.getGaussianKernel(side, sigma).ravel() * (1 << BITS)
    half, carried = [], 0.0
    for weight in exact[: side // 2]:
        half.append(int(np.rint(weight + carried)))
        carried += weight - half[-1]
    return (*half, (1 << BITS) - 2 * sum(half), *reversed(half))
