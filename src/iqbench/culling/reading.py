"""Reading photos to cull them: also raw files, by the preview that the camera put into them, and HEIC."""

import io
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from PIL import Image

from iqbench import photos
from iqbench.culling.metadata import Metadata, metadata
from iqbench.errors import UsageError
from iqbench.interfaces import Limits, Photo, PhotoFile
from iqbench.photos import PhotoError

Decoding = Literal["full", "draft"]

DRAFT_SIDE = 512
"""Pixels that both sides of a photo keep in a draft: twice what a network of 224 pixels is shown."""

EXTRAS = {"raw": "rawpy", "heic": "pillow_heif"}
"""The extras of iqbench that read other formats, and the package that each installs."""

_TURNS = {3: 2, 5: 1, 6: 3}
"""Quarter turns, counter-clockwise, by LibRaw's code of how a raw file is turned."""


class ReadPhoto(NamedTuple):
    """A photo's pixels, minor faults of its file, and its metadata."""

    pixels: Photo
    notes: tuple[str, ...]
    metadata: Metadata


def check_decoding(decoding: object) -> Decoding:
    """Return how photos are decoded, checked.

    Raises:
        UsageError: If it is no choice.
    """
    for choice in get_args(Decoding):
        if decoding == choice:
            return choice  # type: ignore[no-any-return]
    raise UsageError(f"decoding={decoding}: must be full or draft")


def is_raw(path: Path) -> bool:
    """Return whether a file is a camera's raw file, by its name.

    Example:
        >>> is_raw(Path("IMG_1.CR3")), is_raw(Path("IMG_1.JPG"))
        (True, False)
    """
    return photos.RAW_NAME.fullmatch(path.name) is not None


def is_heic(path: Path) -> bool:
    """Return whether a file is a HEIC photo, by its name."""
    return path.suffix.lower() in (".heic", ".heif", ".heics", ".heifs", ".hif")


def missing_extra(path: Path) -> str:
    """Return the extra that reads a file and is not installed, "" if none is missing."""
    extra = "raw" if is_raw(path) else "heic" if is_heic(path) else ""
    return extra if extra and find_spec(EXTRAS[extra]) is None else ""


def read(file: PhotoFile, decoding: Decoding) -> ReadPhoto:
    """Return a photo.

    Args:
        file: The file.
        decoding: ``full``, or ``draft``: JPEG photos are decoded at a part of their size.

    Raises:
        PhotoError: If it contains no usable photo.
        OSError: If the machine fails, for instance its disk.
    """
    data = photos.file_bytes(file.path, file.limits)
    draft_side = DRAFT_SIDE if decoding == "draft" else None
    if is_raw(file.path):
        return _raw(data, file.limits, draft_side)
    if photos.is_heic(data[:16]) and not missing_extra(Path("photo.heic")):
        return _heic(data, file.limits)
    pixels, notes = photos.decode(data, file.limits, draft_side)
    return ReadPhoto(pixels, notes, metadata(data))


def _raw(data: bytes, limits: Limits, draft_side: int | None) -> ReadPhoto:
    """Return the preview in a raw file. Its time is that of the preview, else that of the raw file."""
    rawpy = _imported("raw")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # about forked workers: a preview is taken out by one thread
            raw = rawpy.imread(io.BytesIO(data))
        with raw:
            preview, flip = raw.extract_thumb(), raw.sizes.flip
    except (rawpy.LibRawError, ValueError, TypeError) as error:  # the last two from the stream itself
        text = error.args[0] if error.args else type(error).__name__
        reason = " ".join((text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)).split())[:100]
        raise PhotoError("unsupported_format", f"a raw file without a preview that can be read ({reason})") from error
    if preview.format == rawpy.ThumbFormat.BITMAP:
        inner = b""
        pixels, notes = photos.of_image(Image.fromarray(preview.data), limits), tuple[str, ...]()
        is_turned = False
    else:
        inner = bytes(preview.data)
        pixels, notes = photos.decode(inner, limits, draft_side)
        is_turned = photos.is_turned(inner)
    if not is_turned and flip in _TURNS:
        pixels = np.ascontiguousarray(np.rot90(pixels, _TURNS[flip]))
    of_preview, of_raw = metadata(inner), metadata(data)
    taken = of_preview if of_preview.taken is not None else of_raw
    return ReadPhoto(pixels, notes, taken._replace(rating=of_raw.rating or of_preview.rating))


def _heic(data: bytes, limits: Limits) -> ReadPhoto:
    """Return a HEIC photo. The decoder turns it upright."""
    pillow_heif = _imported("heic")
    try:
        image = pillow_heif.open_heif(data).to_pillow()
    except (ValueError, RuntimeError, OSError, EOFError, SyntaxError) as error:
        raise PhotoError("corrupt", f"damaged or cut short: {' '.join(str(error).split())[:160]}") from error
    return ReadPhoto(photos.of_image(image, limits), (), metadata_of_image(image))


def metadata_of_image(image: Image.Image) -> Metadata:
    """Return the metadata of a picture in memory, by the rules of files."""
    header = io.BytesIO()
    parts = {key: image.info[key] for key in ("exif", "xmp") if image.info.get(key)}
    Image.new("L", (1, 1)).save(header, "JPEG", **parts)
    return metadata(header.getvalue())


def _imported(extra: str) -> Any:
    """Return the package of an extra.

    Raises:
        PhotoError: If it is not installed.
    """
    try:
        return __import__(EXTRAS[extra])
    except ImportError as error:
        raise PhotoError("unsupported_format", f"needs {EXTRAS[extra]}: pip install 'iqbench[{extra}]'") from error
