"""Models that compare two pictures and encode none: a function of two photos, a server that is shown both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from iqbench.interfaces import Photo
from iqbench.models.adapters.once import Answer, AnswersOnce
from iqbench.models.adapters.picture_file import DIGEST_BYTES, PictureFile
from iqbench.preprocessing import scaled_down


@dataclass(frozen=True)
class KeptPicture:
    """A picture by its SHA-256. Its pixels are read from the disk when somebody needs them."""

    digest: bytes
    file: PictureFile

    def pixels(self) -> Photo:
        """Return the picture, in memory of its own.

        Raises:
            Stopped: If the file has dropped it.
        """
        return self.file.get(self.digest)


PicturePair = tuple[KeptPicture, KeptPicture]
"""Two pictures, in the order in which the model is asked."""


def shown_picture(photo: Photo, longest_side: int | None) -> UInt8[Tensor, "3 height width"]:
    """Return a copy of a photo, channels first, scaled down to its longest side in pixels unless that is None."""
    shown = photo if longest_side is None else scaled_down(photo, longest_side)
    return torch.from_numpy(np.array(shown.transpose(2, 0, 1), order="C"))


class PictureComparer(ABC):
    """A quality model that needs both pictures to compare them, so that no encoding can stand for one.

    The encoding of a picture is its SHA-256, as 32 whole numbers from 0 to 255, which every precision holds exactly.
    The pictures themselves wait in a temporary file, so that memory holds none of them; see `PictureFile`.

    A subclass provides `compare`. It is not asked about two equal pictures, which tie.

    Args:
        longest_side: Longest side in pixels to which photos are scaled down, None to leave them as they are.
    """

    costly_pairs: Literal[True] = True

    def __init__(self, longest_side: int | None) -> None:
        self.longest_side = longest_side
        self.pictures = PictureFile()
        self._answers = AnswersOnce[tuple[bytes, bytes]]()

    @abstractmethod
    def compare(self, pairs: Sequence[PicturePair]) -> Sequence[Answer]:
        """Return for each pair the log-odds that its first picture is better, or the error that costs this pair.

        The pairs are distinct, and no picture is paired with itself. An error that is raised costs all of them.
        """

    def prepare(self, photo: Photo) -> UInt8[Tensor, "3 height width"]:
        """Return the picture that the model is shown, channels first."""
        return shown_picture(photo, self.longest_side)

    def encode(self, inputs: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 32"]:
        """Return the digests of the pictures, which are kept for `margin`."""
        digests = [self.pictures.put(picture) for picture in inputs.permute(0, 2, 3, 1).cpu().numpy()]
        return torch.from_numpy(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES).astype(np.float32))

    def margin(self, first: Float[Tensor, "n 32"], second: Float[Tensor, "n 32"]) -> Float64[Tensor, "n"]:
        """Return the answer of `compare` about each pair, 0 for two equal pictures.

        Raises:
            Exception: The first error of a pair; see `AnswersOnce`.
        """
        keys = list(zip(_digests(first), _digests(second), strict=True))
        return torch.tensor(self._answers.numbers(keys, self._answers_about), dtype=torch.float64)

    def _answers_about(self, keys: list[tuple[bytes, bytes]]) -> list[Answer]:
        different = [(a, b) for a, b in keys if a != b]
        pairs = [(KeptPicture(a, self.pictures), KeptPicture(b, self.pictures)) for a, b in different]
        answers = dict(zip(different, self.compare(pairs), strict=True)) if pairs else {}
        return [answers.get(key, 0.0) for key in keys]


def _digests(encodings: Float[Tensor, "n 32"]) -> list[bytes]:
    return [row.tobytes() for row in encodings.cpu().numpy().astype(np.uint8)]
