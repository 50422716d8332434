"""torchvision's antialiased bilinear resize of 8-bit pictures."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8
from torch import Tensor

from iqbench.exact.integers import constant

MAX_BITS = 22
"""Most bits behind the point of a weight, each of which has 16."""


def resize(
    pictures: UInt8[Tensor, "*batch channels height width"], height: int, width: int
) -> UInt8[Tensor, "*batch channels {height} {width}"]:
    """Return pictures at another size: first across, rounded to 8 bits, then down.

    Example:
        >>> ramp = torch.arange(0, 160, 20, dtype=torch.uint8).expand(3, 2, 8)
        >>> resize(ramp, 1, 4)[0].tolist()
        [[14, 50, 90, 126]]
    """
    across = pictures if pictures.shape[-1] == width else _across(pictures, width)
    return across if across.shape[-2] == height else _across(across.mT, height).mT


def _across(pictures: UInt8[Tensor, "*batch rows columns"], width: int) -> UInt8[Tensor, "*batch rows {width}"]:
    places, weights = (constant(each, pictures.device) for each in _taps(pictures.shape[-1], width))
    matrix = torch.zeros(pictures.shape[-1], width, dtype=torch.float64, device=pictures.device)
    matrix.scatter_add_(0, places, weights)
    return torch.floor(pictures.to(torch.float64) @ matrix + 0.5).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=1024)
def _taps(source: int, target: int) -> tuple[Int64[np.ndarray, "taps target"], Float64[np.ndarray, "taps target"]]:
    """Return the pixels that make each pixel of the result, and their weights: whole numbers over a power of two."""
    scale = source / target
    reach = max(scale, 1.0)
    centres = scale * (np.arange(target) + 0.5)
    firsts = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + reach + 0.5).astype(np.int64), source)
    places = firsts + np.arange((ends - firsts).max())[:, None]
    weights = np.maximum(0, 1 - np.abs((places - centres + 0.5) / reach)) * (places < ends)
    weights /= weights.sum(axis=0)
    bits = 0
    while bits < MAX_BITS and int(0.5 + weights.max() * 2 ** (bits + 1)) < 2**15:
        bits += 1
    return np.minimum(places, source - 1), np.trunc(weights * 2**bits + 0.5) / 2**bits
