"""The scene of a photo: its subject, and the photo without it. Computed once for all variants of a photo."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float32

from iqbench.degradations.semantic.filling import fill
from iqbench.degradations.semantic.masks import Mask, composite, feathered
from iqbench.degradations.semantic.subject import Subject, SubjectFinder
from iqbench.interfaces import NotApplicable, Photo

PLACES = 160
"""Longest side of the map on which a hole is placed, in pixels."""

GAP = 5
"""Side of the square by which the subject is grown on that map, so that a hole does not touch it."""


class Scene:
    """A photo with a clear subject, and what is made of it.

    Args:
        photo: The photo.
        finder: Finds its subject.

    Raises:
        NotApplicable: If it has no clear subject.
    """

    def __init__(self, photo: Photo, finder: SubjectFinder) -> None:
        self.photo, self.finder = photo, finder
        self.subject: Subject = finder.find(photo)

    @cached_property
    def background(self) -> Photo:
        """The photo without its subject, filled from its surroundings."""
        region = self.subject.region
        return fill(self.photo, region, region)

    @cached_property
    def left(self) -> float:
        """The saliency that the removal leaves where the subject was, 0 to 1."""
        return self.finder.left(self.subject, self.background)

    def removed(self, share: float) -> Photo:
        """Return the photo without a share of its subject.

        Raises:
            NotApplicable: If something that stands out is left in its place.
        """
        self._check_removal()
        return composite(self.background, self.photo, feathered(self.subject.part(share)))

    def pasted(self, background: Photo) -> Photo:
        """Return the subject on a background, with a soft edge."""
        return composite(self.photo, background, self.subject.alpha)

    def pasted_back(self, share: float) -> Photo:
        """Return the photo of which a share of the subject was removed, and the subject pasted back."""
        return self.pasted(self.removed(share))

    def hole(self, share: float) -> Photo:
        """Return the photo with a hole in its background, of the shape of what is removed, and filled likewise.

        Raises:
            NotApplicable: If there is no room for it, or the removal it is a control of cannot be made.
        """
        self._check_removal()
        region = self._place(share)
        return composite(fill(self.photo, region, self.subject.region), self.photo, feathered(region))

    def _check_removal(self) -> None:
        limit = self.finder.max_left
        if self.left >= limit:
            raise NotApplicable(f"removal not convincing: saliency {self.left:.2f} in its place, not below {limit:g}")

    def _place(self, share: float) -> Mask:
        """Return the region of a hole: the shape of what is removed, moved to the nearest place beside the subject.

        It may be mirrored where it does not fit as it is.

        Raises:
            NotApplicable: If it fits nowhere.
        """
        region = self.subject.part(share)
        scale = min(1.0, PLACES / max(region.shape))
        size = max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale))
        shape, subject = (
            cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
            for mask in (region, self.subject.silhouette)
        )
        closed = cv2.dilate(subject.astype(np.uint8), np.ones((GAP, GAP), np.uint8)).astype(np.float32)
        for flips in FLIPS:
            if (move := _nearest(np.flip(shape, flips), closed, shape)) is not None:
                return _moved(np.flip(region, flips), *(round(pixels / scale) for pixels in move))
        raise NotApplicable("no room for a hole: its shape fits nowhere beside the subject")


FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (0, 1))
"""The axes along which a hole may be mirrored; as it is comes first."""


def _nearest(shape: Mask, closed: Float32[np.ndarray, "height width"], original: Mask) -> tuple[int, int] | None:
    """Return how far down and to the right a shape must be moved to be in the frame and on nothing closed, if it can.

    Args:
        shape: The shape, mirrored perhaps.
        closed: 1 where it must not be.
        original: The shape where it comes from; the nearest place to it is chosen.
    """
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    template = shape[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.float32)
    free = np.argwhere(cv2.matchTemplate(closed, template, cv2.TM_CCORR) < 0.5) - (top, left)
    if not len(free):
        return None
    wanted = np.argwhere(original).mean(axis=0) - np.argwhere(shape).mean(axis=0)
    down, right = free[int(np.argmin(((free - wanted) ** 2).sum(axis=1)))].tolist()
    return down, right


def _moved(mask: Mask, down: int, right: int) -> Mask:
    """Return a mask moved by so many pixels; what leaves the frame is lost."""
    height, width = mask.shape
    moved = np.zeros_like(mask)
    to = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
    of = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
    moved[to] = mask[of]
    return moved


@dataclass(frozen=True)
class _Found:
    """What was found in a photo: its scene, or why it has none."""

    photo: Photo
    finder: SubjectFinder
    scene: Scene | str

    def is_of(self, photo: Photo, finder: SubjectFinder) -> bool:
        return finder == self.finder and (photo is self.photo or np.array_equal(photo, self.photo))


_last: list[_Found] = []
"""What was found in the last photo of this process. One is kept: a photo of 50 Mpx and its background take 300 MB."""


def scene_of(photo: Photo, finder: SubjectFinder) -> Scene:
    """Return the scene of a photo; all variants of a photo share it.

    Raises:
        NotApplicable: If the photo has no clear subject.
    """
    if not (_last and _last[0].is_of(photo, finder)):
        _last.clear()
        _last.append(_found(photo, finder))
    scene = _last[0].scene
    if isinstance(scene, str):
        raise NotApplicable(scene)
    return scene


def _found(photo: Photo, finder: SubjectFinder) -> _Found:
    own = photo.copy() if photo.flags.writeable else photo  # the caller's may change
    try:
        return _Found(own, finder, Scene(np.ascontiguousarray(own), finder))
    except NotApplicable as reason:
        return _Found(own, finder, str(reason))
