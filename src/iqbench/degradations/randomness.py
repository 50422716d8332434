"""Random numbers of a photo: the same in every run, process and version of NumPy, and others for another photo.

They come from the raw bits of PCG64, whose stream NumPy keeps, and not from NumPy's distributions, which may change.
All levels of a damage draw the same numbers, so that a harsher level is the same pattern, only stronger.
"""

import hashlib
import math
from functools import cache

import numpy as np
from jaxtyping import Float32
from scipy.special import ndtri

from iqbench.interfaces import Photo

GRID = 128
"""Rows and columns of the grid of pixels that seeds a photo's numbers, however large the photo."""


def random_bits(photo: Photo, name: str) -> np.random.PCG64:
    """Return a source of random bits, seeded by a photo's size and a grid of its pixels.

    Args:
        photo: The photo. Two that agree on the grid get the same numbers.
        name: What they are for, such as ``noise``; another name gives other numbers.
    """
    height, width = photo.shape[:2]
    grid = photo[:: math.ceil(height / GRID), :: math.ceil(width / GRID)]
    content = f"{name} {height} {width} ".encode() + np.ascontiguousarray(grid).tobytes()
    return np.random.PCG64(int.from_bytes(hashlib.sha256(content).digest()[:16], "big"))


def normal(bits: np.random.PCG64, shape: tuple[int, ...]) -> Float32[np.ndarray, "..."]:
    """Return normal random numbers of mean 0 and standard deviation 1, none beyond 4.4.

    Each is one of 65,536 quantiles of the normal distribution.
    """
    count = math.prod(shape)
    numbers = bits.random_raw(math.ceil(count / 4)).astype("<u8", copy=False).view("<u2")[:count]
    return np.take(_quantiles(), numbers).reshape(shape)


def uniform(bits: np.random.PCG64) -> float:
    """Return a random number from 0 to 1, without 1."""
    return (int(bits.random_raw()) >> 11) / 2**53


@cache
def _quantiles() -> Float32[np.ndarray, "65536"]:
    return np.asarray(ndtri((np.arange(2**16) + 0.5) / 2**16), dtype=np.float32)
