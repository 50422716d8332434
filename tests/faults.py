"""Photos that are wrong in one way each, made from bytes; and colour profiles small enough to write by hand."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
D50 = (0.9642, 1.0, 0.8249)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """The file that Pillow makes of an image."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_png_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG with one more chunk, right after its header."""
    return png[:33] + png_chunk(kind, content) + png[33:]


def with_text_bomb(png: bytes) -> bytes:
    """A few kilobytes of compressed text that unpack to 4 MB."""
    return with_png_chunk(png, b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 4_000_000))


def with_broken_chunk(png: bytes) -> bytes:
    """The PNG with one bit of a checksum flipped."""
    bad = png_chunk(b"tEXt", b"Comment\0hello")
    return png[:33] + bad[:-1] + bytes([bad[-1] ^ 1]) + png[33:]


def with_png_size(png: bytes, width: int, height: int) -> bytes:
    """The PNG with another size in its header, checksum and all."""
    return png[:8] + png_chunk(b"IHDR", struct.pack(">II", width, height) + png[24:29]) + png[33:]


def heic(brand: bytes = b"heic") -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(100)


def dng() -> bytes:
    """A TIFF of 8 x 8 pixels with a DNG version, as Pillow sees a camera's raw file."""
    return encoded(Image.new("RGB", (8, 8)), "TIFF", tiffinfo={50706: b"\x01\x04\0\0"})


def matrix_profile(primaries: Sequence[Sequence[float]], gamma: float | None = 2.2) -> bytes:
    """A colour profile of an RGB space: three primaries as XYZ under D50, and a gamma or else sRGB's curve."""
    if gamma is None:
        levels = np.linspace(0, 1, 256)
        light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        curve = b"curv" + bytes(4) + struct.pack(">I256H", 256, *np.round(light * 65535).astype(int))
    else:
        curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = {name: _xyz(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve) | {b"wtpt": _xyz(D50)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve, b"wtpt": _xyz(D50)})


def cmyk_profile() -> bytes:
    """A profile of four inks of which only black darkens: the others print as if they were clear."""
    levels = np.indices((2, 2, 2, 2)).reshape(4, -1)
    lab = [(255 - 255 * int(black), 128, 128) for black in levels[3]]
    identity = [round(value * 65536) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)]
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *identity)
    table += bytes(range(256)) * 4 + bytes(np.array(lab, np.uint8)) + bytes(range(256)) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"wtpt": _xyz(D50)})


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0", **tags}
    index, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        index += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = bytes(4) + struct.pack(">I", 0x02100000) + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    head += _xyz(D50)[8:] + bytes(48)
    return struct.pack(">I", start + len(body)) + bytes(4) + head[4:] + index + body
