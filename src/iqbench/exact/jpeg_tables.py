"""The tables of libjpeg, read from a file that it writes: the steps of each coefficient, and the Huffman codes."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int32, Int64

from iqbench.exact.dct import SIDE

STEPS_MARKER, CODES_MARKER, SCAN_MARKER = 0xDB, 0xC4, 0xDA
LONGEST_CODE = 16


class Codes(NamedTuple):
    """The Huffman code of each symbol, and its number of bits, 0 where there is none."""

    bits: Int64[np.ndarray, "256"]
    lengths: Int64[np.ndarray, "256"]


class Tables(NamedTuple):
    """The tables of brightness and of colour.

    Args:
        steps: The steps in which a quality keeps each coefficient of a block.
        first: The codes of the first coefficient's number of bits.
        others: The codes of zeros passed over and the number of bits of the coefficient that follows.
        header: Bytes of the file before the codes.
    """

    steps: tuple[Int32[np.ndarray, "8 8"], ...]
    first: tuple[Codes, ...]
    others: tuple[Codes, ...]
    header: int


@cache
def tables(quality: int) -> Tables:
    """Return the tables of a quality from 1 to 100, with 4:2:0 chroma.

    Example:
        >>> tables(50).steps[0][0].tolist(), tables(50).header
        ([16, 11, 10, 16, 24, 40, 51, 61], 623)
    """
    settings = (cv2.IMWRITE_JPEG_QUALITY, quality)
    chroma = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)
    _, file = cv2.imencode(".jpg", np.zeros((SIDE, SIDE, 3), np.uint8), [*settings, *chroma])
    steps: list[Int32[np.ndarray, "8 8"]] = []
    codes: dict[int, Codes] = {}
    header = 0
    for marker, start, content in _segments(file.tobytes()):
        header = start + len(content)
        if marker == STEPS_MARKER:
            of_block = np.zeros(SIDE * SIDE, np.int32)
            of_block[zigzag()] = np.frombuffer(content[1:], np.uint8)
            steps.append(of_block.reshape(SIDE, SIDE))
        elif marker == CODES_MARKER:
            codes[content[0]] = _codes(content[1:])
    return Tables(tuple(steps), (codes[0x00], codes[0x01]), (codes[0x10], codes[0x11]), header)


def zigzag() -> Int64[np.ndarray, "64"]:
    """Return the places of a block, row by row, in the order in which its coefficients are written.

    Example:
        >>> zigzag()[:6].tolist()
        [0, 1, 8, 16, 9, 2]
    """
    rows, columns = np.divmod(np.arange(SIDE * SIDE), SIDE)
    diagonals = rows + columns
    return np.lexsort((np.where(diagonals % 2, rows, columns), diagonals))


def _segments(file: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the marker of each segment before the codes, the place of its content, and the content."""
    at, marker = 2, 0
    while marker != SCAN_MARKER:
        marker, length = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
        yield marker, at + 4, file[at + 4 : at + 2 + length]
        at += 2 + length


def _codes(content: bytes) -> Codes:
    """Return the codes of a table: how many there are of 1, 2, ... bits, and their symbols in rising order."""
    bits, lengths, code = np.zeros(256, np.int64), np.zeros(256, np.int64), 0
    symbols = iter(content[LONGEST_CODE:])
    for length, count in enumerate(content[:LONGEST_CODE], start=1):
        for symbol in (next(symbols) for _ in range(count)):
            bits[symbol], lengths[symbol] = code, length
            code += 1
        code <<= 1
    return Codes(bits, lengths)
