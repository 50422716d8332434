"""The look of a photo: perceptual hashes of its frame and of windows in it, by which a cropped copy is recognised."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from iqbench.inference.perceptual_hash import MIN_CHANGE, SIDE, cell_differences
from iqbench.interfaces import Photo

SCALES = (1.0, 0.85, 0.7)
"""Sides of the windows, as shares of the frame's width and height."""

PLACES = (0.0, 0.5, 1.0)
"""Places of a window in the frame: at the left, centred, at the right; at the top, centred, at the bottom."""

WINDOWS = (1 + 2 * len(PLACES)) ** 2
"""Number of windows: the frame is the first."""

FRAME = 2 * SIDE
"""Side of the reduced frame in pixels."""

FEWEST_BITS = 48
"""Bits that two hashes must have in common to be compared: a picture that is all white looks like nothing."""

BITS = 128

_POPCOUNT = np.array([word.bit_count() for word in range(1 << 16)], dtype=np.uint8)

Words = UInt16[np.ndarray, "windows 8"]


@dataclass(frozen=True)
class Look:
    """The difference hashes of a photo's windows, and the bits in them that are no noise.

    A bit is set where a cell is brighter than its neighbour, see `iqbench.inference.perceptual_hash`. It counts where
    they differ by at least a grey level: what was clipped by a wrong exposure tells nothing.
    """

    bits: Words
    counts: Words

    def to_bytes(self) -> bytes:
        """Return the hashes as bytes, see `from_bytes`."""
        return self.bits.tobytes() + self.counts.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Look":
        """Return the hashes in the bytes of `to_bytes`."""
        words = np.frombuffer(data, dtype=np.uint16).reshape(2, WINDOWS, 8)
        return cls(words[0], words[1])


def look_of(photo: Photo) -> Look:
    """Return the look of a photo; 5 ms.

    Reference:
        Krawetz, *Kind of like that*, The Hacker Factor Blog, 2013, on difference hashes.
    """
    small = cv2.resize(photo, (FRAME, FRAME), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    reduced = (cv2.resize(grey[window], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for window in _windows())
    differences = np.stack([cell_differences(picture).ravel() for picture in reduced])
    return Look(_words(differences > 0), _words(np.abs(differences) >= MIN_CHANGE))


def distances(look: Look, others: Sequence[Look]) -> Float[np.ndarray, "n"]:
    """Return how far a photo is from others, in bits of 128: the whole of one against each window of the other.

    Example:
        >>> rows = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        >>> photo = cv2.resize(rows, (400, 300), interpolation=cv2.INTER_CUBIC)
        >>> crop, other = np.ascontiguousarray(photo[90:]), np.ascontiguousarray(photo[::-1])
        >>> near, far = distances(look_of(photo), [look_of(crop), look_of(other)])
        >>> bool(near < 10), bool(far > 30)
        (True, True)
    """
    bits, counts = (np.stack([getattr(other, name) for other in others]) for name in ("bits", "counts"))
    of_this = _nearest(look.bits[0], look.counts[0], bits, counts)
    of_others = _nearest(bits[:, :1], counts[:, :1], look.bits[None], look.counts[None])
    return np.asarray(np.minimum(of_this, of_others))


def _nearest(
    whole: UInt16[np.ndarray, "..."],
    whole_counts: UInt16[np.ndarray, "..."],
    windows: UInt16[np.ndarray, "#n windows 8"],
    window_counts: UInt16[np.ndarray, "#n windows 8"],
) -> Float[np.ndarray, "n"]:
    """Return the least share of differing bits among those that count in both, times `BITS`."""
    both = whole_counts & window_counts
    common = _POPCOUNT[both].sum(axis=-1, dtype=np.int64)
    differing = _POPCOUNT[(whole ^ windows) & both].sum(axis=-1, dtype=np.int64)
    shares = np.where(common < FEWEST_BITS, BITS, BITS * differing / np.maximum(common, 1))
    return np.asarray(shares.min(axis=-1))


def _words(bits: UInt8[np.ndarray, "windows 128"]) -> Words:
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint16)


@cache
def _windows() -> list[tuple[slice, slice]]:
    sides = [
        slice(start, start + length)
        for length in (round(FRAME * scale) for scale in SCALES)
        for start in dict.fromkeys(round((FRAME - length) * place) for place in PLACES)
    ]
    return [(rows, columns) for rows in sides for columns in sides]
