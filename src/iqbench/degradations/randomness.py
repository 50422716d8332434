"""Random damage that can be repeated: the seed comes from the photo."""

import hashlib

import numpy as np

from iqbench.interfaces import Photo


def photo_seed(photo: Photo) -> int:
    """Return a seed of 32 bits that depends on the photo's pixels alone, so that equal photos get equal damage.

    All levels of a ladder draw the same numbers, so a harsher level is more of the same damage.

    Example:
        >>> photo_seed(np.zeros((2, 2, 3), np.uint8)) == photo_seed(np.zeros((2, 2, 3), np.uint8))
        True
    """
    content = str(photo.shape).encode() + np.ascontiguousarray(photo).tobytes()
    return int.from_bytes(hashlib.sha256(content).digest()[:4], "big")
