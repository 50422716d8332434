"""Sharpness inside the subject, and over the whole frame."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from iqbench.degradations.semantic.masks import Mask
from iqbench.degradations.semantic.model_file import FILE_NAME, model_file
from iqbench.degradations.semantic.segmentation import Segmenter
from iqbench.errors import UsageError
from iqbench.inference.image_statistics import Grey, laplacian_variance
from iqbench.inference.process_state import one_cv2_thread
from iqbench.interfaces import Photo

CERTAIN = 0.5
"""Saliency from which a pixel belongs to the subject."""

LEAST, LARGEST = 0.005, 0.9
"""Shares of the frame between which a subject counts as found."""

CENTRE = 0.5
"""Side of the middle of the frame, as a share, which stands in where no subject is found."""


class Sharpness(NamedTuple):
    """Sharpness of a photo: variance of the Laplacian over 1000, at the size in which it was decoded.

    ``found_by`` says what was taken for the subject: ``u2netp``, ``grabcut``, or ``centre``, the middle of the frame.
    """

    frame: float
    subject: float
    found_by: str


@dataclass(frozen=True)
class SubjectSharpness:
    """Measures sharpness inside the subject. The fields are the settings ``subject.*`` of conf/rank.yaml.

    Args:
        segmenter: ``u2netp``, ``grabcut``, ``centre``: the middle of the frame, or ``auto``: U²-Net if its file is
            there, else the middle. ``auto`` downloads nothing.
        model_file: The file of U²-Net, None for the one in the cache.
        cache: The folder of the cache.

    Raises:
        UsageError: If there is no such segmenter.
        MissingResource: If the file of U²-Net is asked for and cannot be had.
    """

    segmenter: Literal["auto", "u2netp", "grabcut", "centre"]
    model_file: str | None
    cache: str | None
    segment: Segmenter | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segment", self._segment())

    def _segment(self) -> Segmenter | None:
        if self.segmenter not in ("auto", "u2netp", "grabcut", "centre"):
            raise UsageError(f"subject.segmenter={self.segmenter}: must be auto, u2netp, grabcut or centre")
        is_there = self.model_file is not None or (self.cache is not None and (Path(self.cache) / FILE_NAME).is_file())
        if self.segmenter == "u2netp" or (self.segmenter == "auto" and is_there):
            return Segmenter("u2netp", str(model_file(self.model_file, self.cache)))
        return Segmenter("grabcut") if self.segmenter == "grabcut" else None

    @property
    def made_with(self) -> str:
        """What finds the subject."""
        return self.segment.name if self.segment else "centre"

    def of(self, photo: Photo) -> Sharpness:
        """Return the sharpness of a photo."""
        with one_cv2_thread():
            mask = self._mask(photo)
            grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
            if mask is None:
                height, width = grey.shape
                top, left = round(height * (1 - CENTRE) / 2), round(width * (1 - CENTRE) / 2)
                middle = np.ascontiguousarray(grey[top : height - top, left : width - left])
                return Sharpness(laplacian_variance(grey), laplacian_variance(middle), "centre")
            assert self.segment is not None
            return Sharpness(laplacian_variance(grey), _within(grey, mask), self.segment.name)

    def _mask(self, photo: Photo) -> Mask | None:
        """Return the subject in a square of 320 pixels, None if there is none or nothing that finds it."""
        if self.segment is None:
            return None
        mask = self.segment.saliency(photo) > CERTAIN
        return mask if LEAST <= mask.mean() <= LARGEST else None


def _within(grey: Grey, mask: Mask) -> float:
    """Return the variance of the Laplacian inside a mask, over 1000. The mask's own edge adds nothing to it."""
    height, width = grey.shape
    inside = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S), mask=inside)[1]
    return float(deviation[0, 0] ** 2) / 1000
