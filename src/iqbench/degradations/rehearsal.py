"""The rehearsal of a suite: apply every variant to a synthetic photo before a run depends on it."""

import hashlib
from collections.abc import Sequence

import numpy as np

from iqbench.errors import UsageError, described, one_line
from iqbench.inference.failures import raise_if_fatal
from iqbench.inference.process_state import one_cv2_thread
from iqbench.interfaces import NotApplicable, Photo, Variant
from iqbench.photos import synthetic_photo

DIGEST_DIGITS = 16
"""Hex digits of the sha256 by which two runs tell whether a variant is the same damage in both."""


def rehearse(variants: Sequence[Variant]) -> dict[str, str]:
    """Return a digest of each variant's picture of the synthetic photo, by the variant's key.

    Two runs whose digests differ for one key mean different damage by it, whatever their settings say. Each
    picture is made twice, the second time on one thread as in a worker: a degradation without a fixed random
    seed is refused, because its pairs could never be repeated.

    Raises:
        UsageError: If a variant fails, does not return a photo, or returns two different ones.
    """
    return {variant.key: _digest(variant) for variant in variants}


def _digest(variant: Variant) -> str:
    content = _content(variant)
    with one_cv2_thread():
        repeated = _content(variant)
    if content != repeated:
        raise UsageError(
            f"degradation {variant.key}: gives two different pictures of the same photo; if it draws random numbers, "
            "create the generator with a fixed seed in each call"
        )
    return hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]


def _content(variant: Variant) -> bytes:
    """Return the variant's picture of the synthetic photo as bytes, or why it cannot be made of that."""
    try:
        picture = _picture(variant)
    except NotApplicable as reason:
        return f"not applicable: {one_line(reason)}".encode()
    return f"{picture.shape}".encode() + np.ascontiguousarray(picture).tobytes()


def _picture(variant: Variant) -> Photo:
    photo = synthetic_photo()
    photo.flags.writeable = False  # as in a worker, where all variants share the original
    try:
        picture = variant.picture(photo, None)
    except NotApplicable:
        raise
    except BaseException as error:
        raise_if_fatal(error)
        raise UsageError(f"degradation {variant.key}: fails on a synthetic photo ({described(error)})") from error
    if not np.array_equal(photo, synthetic_photo()):
        raise UsageError(f"degradation {variant.key}: changes the photo that it is given; let it change a copy")
    if not (isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape[2:] == (3,)):
        kind = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise UsageError(f"degradation {variant.key}: gave {kind}, promised is uint8 (height, width, 3)")
    return picture
