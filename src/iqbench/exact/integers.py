"""Operations on whole numbers that the other modules share."""

import numpy as np
import torch
from jaxtyping import Int32, UInt8
from torch import Tensor


def eight_bits(numbers: Int32[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
    """Return the numbers as 8-bit values, clipped.

    Example:
        >>> eight_bits(torch.tensor([-3, 7, 300], dtype=torch.int32)).tolist()
        [0, 7, 255]
    """
    return numbers.clamp(0, 255).to(torch.uint8)


def mirrored_places(side: int, before: int, after: int) -> Int32[np.ndarray, "n"]:
    """Return the places of a side with a border on both ends, mirrored at the outermost pixels, which are not doubled.

    Example:
        >>> mirrored_places(4, 2, 3).tolist()
        [2, 1, 0, 1, 2, 3, 2, 1, 0]
        >>> mirrored_places(1, 1, 1).tolist()
        [0, 0, 0]
    """
    period = max(1, 2 * (side - 1))
    places = np.arange(-before, side + after) % period
    return np.minimum(places, period - places).astype(np.int32) if side > 1 else np.zeros(len(places), np.int32)


def constant(values: np.ndarray, device: torch.device) -> Tensor:
    """Return constants on a device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)
