"""OpenCV's Gaussian blur of 8-bit pictures."""

import math
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from iqbench.exact.integers import constant, mirrored_places

ONE = 1 << 8
"""What the weights of the kernel stand for 1 with."""

TILE = 64
"""Pixels that one product of matrices gives at a time."""


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
    kernel = _kernel(float(sigma), photos.device)
    down = _weighted(photos.mT, kernel)
    across = _weighted(down.mT, kernel)  # below 2 ** 24
    return torch.floor(across / ONE**2 + 0.5).to(torch.uint8)


def _weighted(photos: Tensor, kernel: Float64[Tensor, "pixels tile"]) -> Float64[Tensor, "*batch height width"]:
    """Return the weighted sums along each row, tile by tile."""
    width, reach = photos.shape[-1], (len(kernel) - TILE) // 2
    places = mirrored_places(width, reach, reach + -width % TILE)
    wide = photos.index_select(-1, constant(places, photos.device)).to(torch.float64)
    return (wide.unfold(-1, len(kernel), TILE) @ kernel).flatten(-2)[..., :width]


@lru_cache(maxsize=64)
def _kernel(sigma: float, device: torch.device) -> Float64[Tensor, "pixels tile"]:
    """Return the weights that each pixel of a tile gives to its neighbours, in a column."""
    weights = _weights(sigma)
    columns = np.zeros((len(weights) + TILE - 1, TILE))
    for at in range(TILE):
        columns[at : at + len(weights), at] = weights
    return constant(columns[: TILE + len(weights) - 1], device)


def _weights(sigma: float) -> tuple[int, ...]:
    """Return the weights in 256ths. The error of each rounding is carried to the next, and the rest to the middle."""
    side = 2 * math.ceil(3 * sigma) + 1
    exact = cv2.getGaussianKernel(side, sigma).ravel() * ONE
    half, carried = [], 0.0
    for weight in exact[: side // 2]:
        half.append(int(np.rint(weight + carried)))
        carried += weight - half[-1]
    return (*half, ONE - 2 * sum(half), *reversed(half))
