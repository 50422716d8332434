"""Originals for self-supervised training: whole photos, and random parts of them at random sizes.

A model that has seen whole photos of one size only judges others badly: how much detail a picture has, and how large
its objects are, depends on the size. A part of a photo, made smaller, is another good photo, of other content.

Most photos in use are saved with loss, many more so than those that are published to learn from. A model that has not
seen such originals takes the blocks of one more JPEG compression for detail. So some parts are saved that way first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import cv2
import numpy as np

from iqbench.datasets.examples import read_pixels
from iqbench.degradations.codecs import webp
from iqbench.degradations.jpeg import jpeg
from iqbench.interfaces import Photo, PhotoFile

LEAST_SHARE = 0.45
"""The least share of a side that a part keeps."""

LEAST_SCALE = 0.25
"""The least size of a part, relative to its size in the photo, or to `LONGEST_SIDE` if it has more pixels there."""

LEAST_SIDE = 128
"""The shorter side of a part has at least so many pixels; a photo of which that cannot be made has no parts."""

LONGEST_SIDE = 2000
"""The longer side of a part has at most so many pixels, so that its damage is made in reasonable time."""

SIDE_PER_PART = 600
"""A photo with k times so many pixels on its longer side has k times as many parts, since it shows more."""

MOST_TIMES = 4
"""The largest k."""

SAVED_QUALITY: dict[Literal["jpeg", "webp"], tuple[int, int]] = {"jpeg": (50, 98), "webp": (60, 98)}
"""The least and the highest quality of parts that are saved with loss, by format; both formats are equally likely."""

WEBP_METHOD = 4
"""The effort of Pillow and of Google's encoder, unless told otherwise."""


@dataclass(frozen=True)
class Original:
    """A photo, or a part of it, as the best picture of a set of degraded copies.

    Args:
        file: The photo.
        sha256: Of the file.
        number: 0 for the whole photo, 1 and up for its parts.
        frame: Left, top, width and height of the part, as shares of the photo's sides.
        size: Pixels of the part's width and height after its reduction; None leaves them as they are.
        saved: The format and the quality with which the part was saved, in the end; None is without loss.
    """

    file: PhotoFile
    sha256: str
    number: int = 0
    frame: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    size: tuple[int, int] | None = None
    saved: tuple[Literal["jpeg", "webp"], int] | None = None

    @property
    def name(self) -> str:
        """The photo's name, with the number of the part."""
        return self.file.name if self.size is None else f"{self.file.name} part {self.number}"

    @property
    def key(self) -> str:
        """What its pixels depend on."""
        saved = f" {self.saved}" if self.saved else ""
        return f"{self.sha256} {self.frame} {self.size}{saved}"

    def generator(self, seed: int, purpose: int = 0) -> np.random.Generator:
        """Return a generator of random numbers for this original, the same in every training with this seed."""
        return np.random.default_rng([int(self.sha256[:15], 16), self.number, seed, purpose])

    @classmethod
    def part(
        cls, file: PhotoFile, sha256: str, number: int, sides: tuple[int, int], saved: float, seed: int
    ) -> Self | None:
        """Return a random part of a photo, at a random smaller size; None if the photo is too small for that.

        Args:
            file: The photo.
            sha256: Of the file. It decides the part, with ``number`` and ``seed``.
            number: The number of the part, from 1.
            sides: Width and height of the photo, in pixels.
            saved: The chance that the part is saved with loss, in a random format and quality.
            seed: Another seed gives other parts.
        """
        photo = cls(file, sha256, number)
        generator = photo.generator(seed)
        shares = generator.uniform(LEAST_SHARE, 1, 2)
        left, top = generator.uniform(0, 1 - shares)
        pixels = shares * sides
        most = min(1.0, LONGEST_SIDE / pixels.max())
        least = max(LEAST_SIDE / pixels.min(), LEAST_SCALE * most)
        if least > most:
            return None
        scale = np.exp(generator.uniform(np.log(least), np.log(most)))
        width, height = (round(float(side * scale)) for side in pixels)
        frame = (float(left), float(top), float(shares[0]), float(shares[1]))
        compression = _random_compression(photo.generator(seed, purpose=2), saved)
        return cls(file, sha256, number, frame, (width, height), compression)

    def pixels(self) -> Photo:
        """Return the picture. Before it is saved, each pixel of a part is the mean of those of the photo under it.

        Raises:
            UsageError: If the photo can no longer be read.
        """
        photo = read_pixels(self.file)
        if self.size is None:
            return photo
        rows, columns = photo.shape[:2]
        left, top, width, height = self.frame
        across = slice(int(columns * left), max(int(columns * left) + 1, round(columns * (left + width))))
        down = slice(int(rows * top), max(int(rows * top) + 1, round(rows * (top + height))))
        piece = np.ascontiguousarray(photo[down, across])
        part: Photo = cv2.resize(piece, self.size, interpolation=cv2.INTER_AREA)
        if self.saved is None:
            return part
        codec, quality = self.saved
        return jpeg(part, quality) if codec == "jpeg" else webp(part, quality, WEBP_METHOD)


def originals(
    files: Sequence[PhotoFile],
    sha256: Sequence[str],
    sides: Sequence[tuple[int, int]],
    parts: int,
    saved: float,
    seed: int,
) -> Iterator[Original]:
    """Yield each photo and so many random parts of it.

    Args:
        files: The photos.
        sha256: Of each file.
        sides: Width and height of each photo, in pixels.
        parts: Parts of each photo; of a large photo up to `MOST_TIMES` times as many, since it shows more.
        saved: Share of the parts that are saved with loss before they are degraded.
        seed: Seed of the parts.
    """
    for file, sha, size in zip(files, sha256, sides, strict=True):
        yield Original(file, sha)
        numbers = range(1, parts * min(MOST_TIMES, max(1, max(size) // SIDE_PER_PART)) + 1)
        every = (Original.part(file, sha, number, size, saved, seed) for number in numbers)
        yield from (part for part in every if part is not None)


def _random_compression(generator: np.random.Generator, chance: float) -> tuple[Literal["jpeg", "webp"], int] | None:
    """Return a random format and quality, or None with a chance of 1 - ``chance``."""
    if generator.random() >= chance:
        return None
    codec = list(SAVED_QUALITY)[generator.integers(len(SAVED_QUALITY))]
    return codec, int(generator.integers(*SAVED_QUALITY[codec], endpoint=True))
