"""Reading photos: read a file once, hash the bytes, decode them. No other module opens image files.

Every problem with a file raises a `PhotoError` with a code. A damaged photo is never half decoded, and
never stops the run.
"""

import hashlib
import io
import re
import stat
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageFile, PngImagePlugin, UnidentifiedImageError
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag

from iqbench.interfaces import STANDARD_LIMITS, Limits, Photo

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
RAW_NAME = re.compile(r"(?is).+\.(3fr|arw|cr[23w]|dcr|dng|erf|iiq|kdc|mrw|nef|nrw|orf|pef|raf|rw[2l]|sr[2fw]|x3f)")

# First bytes of files; `?` matches any byte.
_READABLE = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF????WEBP", b"GIF8?a", b"BM????\0\0\0\0"]
_READABLE += [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"????ftypavi?", b"????ftypmif1"]
_RAW = "a camera's raw file, in which only a small preview can be read; develop it to JPEG, PNG or TIFF"
_REFUSED = {
    "a HEIC photo; convert it to JPEG or PNG": (b"????ftyphei?", b"????ftyphev?", b"????ftypmif1", b"????ftypmsf1"),
    "a JPEG XL photo; convert it to JPEG or PNG": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    _RAW: (b"II*\0????CR", b"????ftypcrx ", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb"),
}

_TURN = Image.Transpose
_UPRIGHT = {2: _TURN.FLIP_LEFT_RIGHT, 3: _TURN.ROTATE_180, 4: _TURN.FLIP_TOP_BOTTOM, 5: _TURN.TRANSPOSE}
_UPRIGHT |= {6: _TURN.ROTATE_270, 7: _TURN.TRANSVERSE, 8: _TURN.ROTATE_90}

# Pillow's errors on broken EXIF and colour profiles. The photo can be decoded without them.
_MALFORMED = (ArithmeticError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error)


_PILLOW_LIMITS: tuple[tuple[Any, str, object], ...] = (
    (ImageFile, "LOAD_TRUNCATED_IMAGES", False),
    (Image, "MAX_IMAGE_PIXELS", 1024**3 // 4 // 3),
    (PngImagePlugin, "MAX_TEXT_CHUNK", 1024**2),
    (PngImagePlugin, "MAX_TEXT_MEMORY", 64 * 1024**2),
)
"""Pillow's settings for the whole process, with the values that it comes with."""


class PhotoError(Exception):
    """A photo that cannot be used, with a ``code`` for the results and a message of one line."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


@dataclass(frozen=True)
class DecodedPhoto:
    """A decoded photo, with the hash and size of its file."""

    pixels: Photo
    """Upright, opaque, contiguous, and read-only: copy it before changing it."""
    sha256: str
    """Hash of the decoded bytes."""
    file_bytes: int
    notes: tuple[str, ...]
    """Problems with the file that did not prevent decoding."""


def starts_like_a_photo(head: bytes) -> bool:
    r"""Return whether the first 16 bytes of a file are a photo's, including formats that `read` refuses.

    Example:
        >>> starts_like_a_photo(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), starts_like_a_photo(b"Dear diary, ...")
        (True, False)
    """
    return len(head) >= 16 and (_begins(head, _READABLE) or _refusal(head) is not None)


def is_unsupported(head: bytes) -> bool:
    """Return whether the first 16 bytes of a file are of a photo in a format that `read` refuses."""
    return _refusal(head) is not None


def read(path: Path, limits: Limits = STANDARD_LIMITS) -> DecodedPhoto:
    """Return the photo in a file, which is read once.

    Raises:
        PhotoError: If the file contains no usable photo.
        OSError: If the machine fails, for instance its disk.
    """
    data = file_bytes(path, limits)
    if RAW_NAME.fullmatch(path.name):
        raise PhotoError("unsupported_format", _RAW)
    pixels, notes = decode(data, limits)
    return DecodedPhoto(pixels, hashlib.sha256(data).hexdigest(), len(data), notes)


def sha256_of(path: Path) -> str:
    """Return a file's sha256, as `read` does, without decoding the photo.

    Raises:
        PhotoError: If the file cannot be read.
        OSError: If the machine fails, for instance its disk.
    """
    return hashlib.sha256(file_bytes(path, STANDARD_LIMITS)).hexdigest()


def of_image(image: Image.Image, limits: Limits = STANDARD_LIMITS) -> Photo:
    """Return a picture that is in memory as a photo, by the rules of files: upright, on white, in sRGB.

    Raises:
        PhotoError: If it is too large or too small, or Pillow cannot load it.
    """
    try:
        _check_size(image.size, limits)
        image.load()
        return _pixels(image, getattr(image, "tag_v2", {}), [])
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # Pillow raises many types of error on damaged files, which it reads this late
        raise PhotoError("corrupt", f"damaged or cut short: {_plain(error)}") from error


def decode(
    data: bytes, limits: Limits = STANDARD_LIMITS, draft_side: int | None = None
) -> tuple[Photo, tuple[str, ...]]:
    """Return the first picture in a file's bytes, with white under transparency, and notes on minor problems.

    Args:
        data: The bytes.
        limits: The permitted sizes.
        draft_side: A JPEG is decoded at a half, a quarter or an eighth of its size, as long as both sides keep so many
            pixels; None for its full size. It takes half of the time, and fine detail is lost.

    Raises:
        PhotoError: If the bytes are not a complete photo of a supported format and a permitted size.
    """
    if not data:
        raise PhotoError("empty", "the file has no bytes")
    if reason := _refusal(data):
        raise PhotoError("unsupported_format", reason)
    with warnings.catch_warnings(record=True) as caught, strict_pillow():
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            pixels, notes = _decoded(data, limits, draft_side)
        except (PhotoError, MemoryError, ImportError):
            raise
        except UnidentifiedImageError:
            code = "corrupt" if _begins(data, _READABLE) else "not_an_image"
            raise PhotoError(code, "cannot be read as any supported image format, whatever its name says") from None
        except Image.DecompressionBombError as error:
            raise PhotoError("too_many_pixels", _plain(error)) from error
        except Exception as error:  # Pillow raises many types of error on damaged files
            raise PhotoError("corrupt", f"damaged or cut short: {_plain(error)}") from error
    pillow_warnings = (f"Pillow: {_plain(warning.message)}" for warning in caught)
    return pixels, tuple(dict.fromkeys((*pillow_warnings, *notes)))


def embedded(data: bytes) -> tuple[Image.Exif, bytes]:
    """Return the EXIF and the XMP packet in a file's bytes, empty where there is none or it cannot be read.

    The file may be a camera's raw file of TIFF's structure, whose picture `decode` refuses.
    """
    with warnings.catch_warnings(), strict_pillow():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            exif, packet = image.getexif(), image.info.get("xmp", b"")
            exif.get_ifd(IFD.Exif)
        except (MemoryError, ImportError):
            raise
        except Exception:  # noqa: BLE001 - Pillow raises many types of error on damaged files
            return Image.Exif(), b""
    return exif, packet.encode() if isinstance(packet, str) else packet


def is_turned(data: bytes) -> bool:
    """Return whether the EXIF of a file's bytes says how it is turned, so that `decode` has turned it upright."""
    return embedded(data)[0].get(Tag.Orientation) in (1, *_UPRIGHT)


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Decode by Pillow's own limits, whatever a model or another program in this process has set for itself."""
    before = [(module, name, getattr(module, name)) for module, name, _ in _PILLOW_LIMITS]
    try:
        for module, name, value in _PILLOW_LIMITS:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def file_bytes(path: Path, limits: Limits = STANDARD_LIMITS) -> bytes:
    """Return a regular file's bytes. A FIFO or a device is not opened, because reading it could block for ever.

    Raises:
        PhotoError: If it cannot be read, or is larger than a permitted photo can be.
        OSError: If the machine fails, for instance its disk.
    """
    if path.is_symlink() and not path.exists():
        raise PhotoError("not_a_file", "a link that leads nowhere")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("not_a_file", "a folder, pipe, socket or device, not a file")
        if status.st_size > 16 * max(limits.max_pixels, 1_000_000):
            raise PhotoError("too_many_bytes", f"{status.st_size:,} bytes are more than a permitted photo can need")
        data = path.read_bytes()
    except PermissionError as error:
        raise PhotoError("permission", "this user may not read it") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhotoError("vanished", "no such file, or it is no longer there") from error
    if len(data) != status.st_size:
        raise PhotoError("changed", f"{status.st_size:,} bytes long, then {len(data):,}: something is writing to it")
    return data


def _decoded(data: bytes, limits: Limits, draft_side: int | None) -> tuple[Photo, list[str]]:
    notes: list[str] = []
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    # The first picture of a raw file is a thumbnail, marked as a reduced version of another picture.
    if Tag.DNGVersion in tags or tags.get(Tag.NewSubfileType, 0) & 1:
        raise PhotoError("unsupported_format", _RAW)
    _check_size(image.size, limits)
    if draft_side is not None:
        image.draft(None, (draft_side, draft_side))
    image.load()
    if image.format == "PNG" and b"IEND\xaeB`\x82" not in data:
        raise PhotoError("corrupt", "damaged or cut short: the end mark is missing")
    return _pixels(image, tags, notes), notes


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise PhotoError("too_many_pixels", f"{width} x {height} px; at most {limits.max_pixels:,} are permitted")
    if min(width, height) < limits.min_side:
        raise PhotoError("too_small", f"{width} x {height} px; each side needs at least {limits.min_side}")


def _pixels(image: Image.Image, tags: Mapping[int, Any], notes: list[str]) -> Photo:
    """Return a loaded image as a photo, and note what could not be used."""
    flat = _flat(_eight_bit(_upright(image, notes), tags))
    pixels = np.ascontiguousarray(_to_srgb(flat, image.info.get("icc_profile"), notes))
    pixels.flags.writeable = False
    return pixels


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    """Apply the EXIF orientation. Pillow has already done so for TIFF."""
    try:
        Image.Exif().load(image.info.get("exif", b""))  # getexif() hides an error that occurred while opening
        orientation = image.getexif().get(Tag.Orientation, 1)
    except _MALFORMED as error:
        notes.append(f"EXIF cannot be read, shown as stored: {_plain(error)}")
        return image
    if orientation in _UPRIGHT:
        return image.transpose(_UPRIGHT[orientation])
    if orientation != 1:
        notes.append(f"EXIF orientation {_plain(orientation)} does not exist, shown as stored")
    return image


def _eight_bit(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """Return the upper 8 bits of 16-bit grey values. Pillow's own conversion clips them to white."""
    if image.mode in ("I", "F", "LAB"):
        raise PhotoError(
            "unsupported_format", "32-bit grey without an agreed white, or Lab colours; save it as 8-bit RGB"
        )
    if not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    grey = (values >> (4 if tags.get(Tag.BitsPerSample) == (12,) else 8)).astype(np.uint8)
    if tags.get(Tag.PhotometricInterpretation) == 0:  # zero is white
        grey = ~grey
    grey[values == image.info.get("transparency", -1)] = 255
    return Image.fromarray(grey)


def _flat(image: Image.Image) -> Image.Image:
    """Return the picture on white, in L, RGB or CMYK, the mode that its colour profile describes."""
    mode = {"1": "L", "L": "L", "LA": "L", "La": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    if not image.has_transparency_data:
        return image.convert(mode)
    layered = image.convert(mode + "A")
    return Image.composite(layered.convert(mode), Image.new(mode, image.size, "white"), layered.getchannel("A"))


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space == "RGB ":
                image = image.convert("RGB")
            to_srgb = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
            if image.mode == "CMYK" or not _leaves_colours(to_srgb, image.mode):
                return to_srgb.apply(image)
        except (ImageCms.PyCMSError, *_MALFORMED) as error:
            notes.append(f"colour profile cannot be used, colours as stored: {_plain(error)}")
    return image.convert("RGB")


def _leaves_colours(to_srgb: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a profile changes no colour by more than rounding. Profiles named sRGB differ by up to 2."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    probe = Image.fromarray(grid if mode == "RGB" else levels[None])
    moved = np.asarray(to_srgb.apply(probe), dtype=int) - np.asarray(probe.convert("RGB"))
    return int(np.abs(moved).max()) <= 2


def _begins(data: bytes, magics: Iterable[bytes]) -> bool:
    """Return whether data begins with one of the magic numbers, or ends within one."""
    return any(all(m in (d, ord("?")) for d, m in zip(data, magic, strict=False)) for magic in magics)


def is_heic(head: bytes) -> bool:
    """Return whether a file begins like a HEIC photo, which `read` refuses."""
    return (_refusal(head) or "").startswith("a HEIC photo")


def _refusal(data: bytes) -> str | None:
    """Return why Pillow cannot read a format, or would read it wrongly. Some AVIF files start like HEIC."""
    if len(data) < 16 or b"avif" in data[16:64]:
        return None
    return next((reason for reason, magics in _REFUSED.items() if _begins(data, magics)), None)


def _plain(text: object) -> str:
    """Return the text on one line, short and printable, because it may contain bytes of the file."""
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:160]


def synthetic_photo() -> Photo:
    """Return a photo that needs no file: a colour gradient with noise, 96 x 128."""
    across = np.linspace(0, 200, 128)[None, :, None] * np.array([1.0, 0.7, 0.4])
    noise = np.random.default_rng(0).normal(0, 20, (96, 128, 3))
    photo: Photo = np.clip(across + noise + 20, 0, 255).astype(np.uint8)
    return photo
