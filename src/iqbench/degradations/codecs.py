"""JPEG 2000, WebP and AVIF: compression in memory, by the codecs of Pillow."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.errors import MissingResource
from iqbench.interfaces import NotApplicable, Photo
from iqbench.photos import strict_pillow

LONGEST_SIDE = {"JPEG2000": 2**31 - 1, "WEBP": 16_383, "AVIF": 32_768}
"""The longest side that a codec can encode and decode, in pixels."""

FEATURES = {"JPEG2000": "jpg_2000", "WEBP": "webp", "AVIF": "avif"}
"""The names of the codecs in ``PIL.features``. Pillow's wheels have all of them, but no AVIF for Windows on ARM."""


def jpeg2000(photo: Photo, ratio: float) -> Photo:
    """Return ``photo`` after JPEG 2000 (9/7 wavelet) at a compression ratio.

    Raises:
        NotApplicable: If a side is too long for the codec.
    """
    return recompress(photo, "JPEG2000", quality_mode="rates", quality_layers=[ratio], irreversible=True)


def webp(photo: Photo, quality: int, method: int) -> Photo:
    """Return ``photo`` after lossy WebP (4:2:0); ``quality`` from 0 to 100, ``method`` from 0 (fast) to 6 (small).

    Raises:
        NotApplicable: If a side is too long for the codec.
    """
    return recompress(photo, "WEBP", quality=quality, method=method)


def avif(photo: Photo, quality: int, speed: int) -> Photo:
    """Return ``photo`` after AVIF (AV1, 4:2:0); ``quality`` from 0 to 100, ``speed`` from 0 (small) to 10 (fast).

    One thread and no automatic tiles: both change the picture.

    Raises:
        NotApplicable: If a side is too long for the codec.
    """
    return recompress(photo, "AVIF", quality=quality, speed=speed, subsampling="4:2:0", max_threads=1, autotiling=False)


def recompress(photo: Photo, codec: str, **settings: Any) -> Photo:
    """Return ``photo`` after encoding and decoding in memory.

    Args:
        photo: An sRGB photo.
        codec: The name of the format in Pillow.
        settings: What ``PIL.Image.Image.save`` takes for that format.

    Raises:
        NotApplicable: If a side is too long for the codec.
    """
    if max(photo.shape) > LONGEST_SIDE[codec]:
        raise NotApplicable(f"{codec} has no side longer than {LONGEST_SIDE[codec]:,} px")
    file = io.BytesIO()
    Image.fromarray(photo).save(file, codec, **settings)
    with strict_pillow(), Image.open(file, formats=[codec]) as picture:
        return np.asarray(picture.convert("RGB"))


def jpeg2000_ladder(ratio: Sequence[float]) -> Degradation:
    """Return a ladder of JPEG 2000, one level per compression ``ratio``; more is worse.

    Raises:
        MissingResource: If Pillow lacks the codec.
        ValueError: If a ratio is not above 1.
    """
    _require("JPEG2000")
    ratios = checked("ratio", ratio, lambda times: times > 1, "above 1")
    return Degradation("technical", [Ladder("", levels(jpeg2000, "ratio", ratios), "times smaller")])


def webp_ladder(quality: Sequence[int], method: int) -> Degradation:
    """Return a ladder of WebP, one level per ``quality``; less is worse.

    Raises:
        MissingResource: If Pillow lacks the codec.
        ValueError: If a quality is not a whole number from 0 to 100, or ``method`` from 0 to 6.
    """
    _require("WEBP")
    checked("method", [method], lambda number: number in range(7), "a whole number from 0 to 6")
    return _by_quality(partial(webp, method=method), quality)


def avif_ladder(quality: Sequence[int], speed: int) -> Degradation:
    """Return a ladder of AVIF, one level per ``quality``; less is worse.

    Raises:
        MissingResource: If Pillow lacks the codec.
        ValueError: If a quality is not a whole number from 0 to 100, or ``speed`` from 0 to 10.
    """
    _require("AVIF")
    checked("speed", [speed], lambda number: number in range(11), "a whole number from 0 to 10")
    return _by_quality(partial(avif, speed=speed), quality)


def _by_quality(codec: partial[Photo], quality: Sequence[int]) -> Degradation:
    amounts = checked("quality", quality, lambda number: number in range(101), "whole numbers from 0 to 100")
    return Degradation("technical", [Ladder("", levels(codec, "quality", amounts, less_is_worse=True), "quality")])


def _require(codec: str) -> None:
    if not features.check(FEATURES[codec]):
        raise MissingResource(
            f"degradation {codec.lower()}: this Pillow ({PIL.__version__}) has no {codec} codec; install a wheel of "
            "Pillow that has it (pip install --force-reinstall --only-binary=:all: pillow), or leave this damage out"
        )
