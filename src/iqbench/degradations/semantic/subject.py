"""The subject of a photo: what stands out clearly, which may be removed or kept before another background."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float64

from iqbench.degradations.semantic.masks import Mask, SoftMask, copy_for_masks, dilated, feathered
from iqbench.degradations.semantic.model_file import model_file
from iqbench.degradations.semantic.segmentation import Segmenter
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import NotApplicable, Photo

CERTAIN = 0.5
"""Saliency from which a pixel belongs to the subject."""

SHADOW = 0.8
"""Brightness of a shadow, at most, as a share of the ground's median."""

MAX_SHADOW = 0.5
"""Largest area of a shadow, as a share of the removed region."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SubjectFinder:
    """Finds the subject of a photo. The fields are the settings of conf/degradation/subject.

    Args:
        segmenter: ``u2netp``, ``grabcut``, or ``auto``: U²-Net if its file can be had, else GrabCut.
        model_file: The file of U²-Net, None for the one in the cache.
        cache: The folder of the cache.
        min_area: The least share of the photo that is a subject.
        max_area: The largest share.
        min_peak: The least saliency at its most salient pixel.
        min_component: The least share of the subject that hangs together.
        dilation: Width of the margin that is removed with it, as a share of the photo's shorter side.
        max_left: The largest mean saliency inside its mask after the removal.

    Raises:
        UsageError: If a setting is out of range.
        MissingResource: If the file is missing, and ``segmenter`` does not allow GrabCut instead.
    """

    segmenter: Literal["auto", "u2netp", "grabcut"]
    model_file: str | None
    cache: str | None
    min_area: float
    max_area: float
    min_peak: float
    min_component: float
    dilation: float
    max_left: float
    segment: Segmenter = field(init=False)

    def __post_init__(self) -> None:
        for name in ("min_area", "max_area", "min_peak", "min_component", "dilation", "max_left"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value <= 1):
                raise UsageError(f"subject.{name}={value}: must be from 0 to 1")
        if self.min_area > self.max_area:
            raise UsageError(f"subject.min_area={self.min_area}: must not exceed max_area={self.max_area}")
        object.__setattr__(self, "segment", self._segmenter())

    def _segmenter(self) -> Segmenter:
        if self.segmenter not in ("auto", "u2netp", "grabcut"):
            raise UsageError(f"subject.segmenter={self.segmenter}: must be auto, u2netp or grabcut")
        if self.segmenter == "grabcut":
            return Segmenter("grabcut")
        try:
            return Segmenter("u2netp", str(model_file(self.model_file, self.cache)))
        except MissingResource as reason:
            if self.segmenter == "u2netp" or self.model_file is not None:
                raise
            log.warning("subjects are found by GrabCut, which errs more often than U²-Net: %s", reason)
            return Segmenter("grabcut")

    @property
    def made_with(self) -> str:
        """What finds the subject, which the damage depends on."""
        return self.segment.name

    def find(self, photo: Photo) -> "Subject":
        """Return the subject of a photo.

        Raises:
            NotApplicable: If it has no clear one.
        """
        saliency = self.segment.saliency(photo)
        mask = saliency > CERTAIN
        area, peak = float(mask.mean()), float(saliency.max())
        if peak <= self.min_peak:
            raise NotApplicable(f"no clear subject: the highest saliency is {peak:.2f}, not above {self.min_peak:g}")
        if not self.min_area <= area <= self.max_area:
            limits = f"{100 * self.min_area:g} to {100 * self.max_area:g} %"
            raise NotApplicable(f"no clear subject: {100 * area:.1f} % of the photo is salient, not {limits}")
        parts = _components(mask)
        largest = parts[0].sum() / mask.sum()
        if largest <= self.min_component:
            limit = f"not above {100 * self.min_component:g} %"
            raise NotApplicable(f"no clear subject: its largest part is {100 * largest:.0f} % of it, {limit}")
        return Subject(copy_for_masks(photo), mask, parts, self.dilation)

    def left(self, subject: "Subject", photo: Photo) -> float:
        """Return the mean saliency inside the mask of a subject, in a photo from which it was removed."""
        return float(self.segment.saliency(photo)[subject.mask].mean())


@dataclass(frozen=True)
class Subject:
    """A subject: its mask in a square of 320 pixels, and its connected parts, the largest first.

    All other masks are of the size of ``picture``, a copy of the photo that may be smaller; see `masks`.
    """

    picture: Photo
    mask: Bool[np.ndarray, "320 320"]
    parts: list[Bool[np.ndarray, "320 320"]]
    dilation: float

    @cached_property
    def silhouette(self) -> Mask:
        """The subject's pixels in the picture."""
        return self._enlarged(self.mask)

    @cached_property
    def alpha(self) -> SoftMask:
        """The subject with a soft edge, to paste it."""
        return feathered(self.silhouette)

    @cached_property
    def region(self) -> Mask:
        """What is removed with the whole subject: it, a margin, and its shadow."""
        return self.part(1.0)

    def part(self, share: float) -> Mask:
        """Return what is removed with a share of the subject, from its top on.

        The share grows through the subject from its highest pixel, so it hangs together and each share contains the
        smaller ones. The margin goes around it, but not into the rest of the subject. The shadow goes with the whole.
        """
        removed: Mask = self.mask & (self._ranks <= share)
        region = dilated(self._enlarged(removed), self._margin)
        if share >= 1.0:
            return np.asarray(region | self._shadow(region))
        rest = self.silhouette & ~self._enlarged(removed)
        return np.asarray(region & ~rest)

    @property
    def _margin(self) -> int:
        return max(1, round(self.dilation * float(min(self.picture.shape[:2]))))

    @cached_property
    def _ranks(self) -> Float64[np.ndarray, "320 320"]:
        """The share of the subject that is removed before and with each pixel; 2 outside."""
        distance = np.full(self.mask.shape, -1)
        step = 0
        for part in self.parts:
            reached = np.zeros_like(part)
            top = int(np.flatnonzero(part.any(axis=1))[0])
            reached[top, int(np.flatnonzero(part[top])[0])] = True
            new = reached
            while new.any():
                distance[new] = step
                grown = cv2.dilate(reached.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & part
                new, reached, step = grown & ~reached, grown, step + 1
        order = np.argsort(distance[self.mask], kind="stable")
        ranks, inside = np.full(self.mask.shape, 2.0), np.empty(len(order))
        inside[order] = np.arange(1, len(order) + 1) / len(order)
        ranks[self.mask] = inside
        return ranks

    def _shadow(self, region: Mask) -> Mask:
        """Return the dark region that touches the subject from below: its shadow.

        It reaches at most a quarter of the subject's height below it and half of its width to each side, begins in
        the lower third of the subject, and is darker than the surroundings by a fifth.
        """
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
        tall, wide = bottom - top, right - left
        near = np.zeros_like(region)
        near[bottom - tall // 3 : bottom + tall // 4, max(0, left - wide // 2) : right + wide // 2] = True
        ground = near & ~region
        if not ground.any():
            return np.zeros_like(region)
        light = cv2.GaussianBlur(cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY), (0, 0), max(1.0, self._margin / 4))
        dark = ground & (light < SHADOW * float(np.median(light[ground])))
        _, labels = cv2.connectedComponents((dark | region).astype(np.uint8))
        touching = np.unique(labels[region])
        shadow = dark & np.isin(labels, touching)
        if shadow.sum() > MAX_SHADOW * region.sum():  # a dark ground, and no shadow on it
            return np.zeros_like(region)
        return dilated(shadow, max(1, self._margin // 2)) if shadow.any() else shadow

    def _enlarged(self, mask: Bool[np.ndarray, "320 320"]) -> Mask:
        height, width = self.picture.shape[:2]
        return cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > CERTAIN


def _components(mask: Mask) -> list[Mask]:
    """Return the connected parts of a mask, the largest first."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    sizes = statistics[1:count, cv2.CC_STAT_AREA]
    return [labels == 1 + int(label) for label in np.argsort(-sizes, kind="stable")]
