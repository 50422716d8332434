"""torchvision's antialiased bilinear resize of 8-bit pictures."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int32, UInt8
from torch import Tensor

from iqbench.exact.integers import constant, eight_bits, rounded_shift

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
    across = pictures if pictures.shape[-1] == width else _along(pictures, width, -1)
    return across if across.shape[-2] == height else _along(across, height, -2)


def _along(pictures: Tensor, side: int, dim: int) -> Tensor:
    firsts, weights, bits = _weights(pictures.shape[dim], side)
    device, shape = pictures.device, [side if axis == dim else 1 for axis in (-2, -1)]
    total: Tensor | None = None
    for step, column in enumerate(constant(weights, device)):
        places = (constant(firsts, device) + step).clamp(max=pictures.shape[dim] - 1)
        part = pictures.index_select(dim, places).to(torch.int32) * column.view(shape)
        total = part if total is None else total.add_(part)
    assert total is not None
    return eight_bits(rounded_shift(total, bits))


@lru_cache(maxsize=256)
def _weights(source: int, target: int) -> tuple[Int32[np.ndarray, "target"], Int32[np.ndarray, "taps target"], int]:
    """Return the first pixel that each result covers, the weights from there on, and their bits behind the point."""
    scale = source / target
    reach = max(scale, 1.0)
    centres = scale * (np.arange(target) + 0.5)
    firsts = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + reach + 0.5).astype(np.int64), source)
    steps = np.arange((ends - firsts).max())[:, None]
    weights = np.maximum(0, 1 - np.abs((steps + firsts - centres + 0.5) / reach)) * (steps < ends - firsts)
    weights /= weights.sum(axis=0)
    bits = 0
    while bits < MAX_BITS and int(0.5 + weights.max() * 2 ** (bits + 1)) < 2**15:
        bits += 1
    return firsts.astype(np.int32), np.trunc(weights * 2**bits + 0.5).astype(np.int32), bits
