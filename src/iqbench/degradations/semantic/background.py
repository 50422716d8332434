"""The background changed: blurred, plain, or that of another photo, behind the same subject."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal, get_args

import cv2
import numpy as np

from iqbench import photos
from iqbench.degradations.ladder import Control, Degradation, Ladder, Level
from iqbench.degradations.semantic.scene import scene_of
from iqbench.degradations.semantic.subject import SubjectFinder
from iqbench.inference.perceptual_hash import MAX_DISTANCE, perceptual_hash
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile

WIDE = 8.0
"""Standard deviation in pixels above which a photo is reduced before it is blurred."""

Kind = Literal["blurred", "plain", "other"]


def blurred(photo: Photo, sigma: float, finder: SubjectFinder) -> Photo:
    """Return the subject before its own background out of focus.

    Args:
        photo: The photo.
        sigma: Standard deviation of the Gaussian, as a share of the photo's shorter side.
        finder: Finds the subject.

    Raises:
        NotApplicable: If the photo has no clear subject.
    """
    scene = scene_of(photo, finder)
    return scene.pasted(_out_of_focus(scene.background, max(0.5, sigma * min(photo.shape[:2]))))


def _out_of_focus(photo: Photo, sigma: float) -> Photo:
    """Return a photo blurred by a Gaussian of ``sigma`` pixels; a wide one in a reduced copy, which is fast."""
    scale = min(1.0, WIDE / sigma)
    height, width = photo.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(reduced, (0, 0), sigma * scale)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC))


def plain(photo: Photo, finder: SubjectFinder) -> Photo:
    """Return the subject before the mean colour of its background.

    Raises:
        NotApplicable: If the photo has no clear subject.
    """
    scene = scene_of(photo, finder)
    subject = scene.subject
    colour = subject.picture[~subject.silhouette].mean(axis=0)
    return scene.pasted(np.broadcast_to(np.rint(colour).astype(np.uint8), photo.shape))


def other(photo: Photo, context: PhotoContext | None, finder: SubjectFinder) -> Photo:
    """Return the subject before another photo of the run, which covers the frame.

    Raises:
        NotApplicable: If the photo has no clear subject, or there is no other photo.
    """
    scene = scene_of(photo, finder)
    _, partner = other_photo(photo, context)
    return scene.pasted(_covering(partner, photo.shape[0], photo.shape[1]))


def pasted(photo: Photo, finder: SubjectFinder) -> Photo:
    """Return the subject cut out, and pasted back onto its own scene.

    Raises:
        NotApplicable: If the photo has no clear subject.
    """
    scene = scene_of(photo, finder)
    return scene.pasted(scene.background)


def other_photo(photo: Photo, context: PhotoContext | None) -> tuple[PhotoFile, Photo]:
    """Return the photo whose scene becomes the background, and its file.

    The photos of the source stand in an order by the hash of this photo's content and their names, so that each shard
    and each machine chooses the same one: that of the SHA-256 of ``"CONTENT NAME"``, where NAME is the photo's name in
    manifest.csv and CONTENT the SHA-256 of this photo's shape as text, ``(height, width, 3)``, and its pixels. The
    first is taken that can be read and is no copy of this one.

    Raises:
        NotApplicable: If there is none, or the photo has no file.
    """
    if context is None:
        raise NotApplicable("no other photo: this one comes without its source")
    look = perceptual_hash(photo)
    for file in _in_order(photo, context):
        try:
            partner = photos.read(file.path, file.limits).pixels
        except photos.PhotoError:
            continue
        if not np.array_equal(partner, photo) and not _alike(look, perceptual_hash(partner)):
            return file, partner
    raise NotApplicable("no other photo: the source holds none that can be read and is no copy of this one")


def _in_order(photo: Photo, context: PhotoContext) -> Iterator[PhotoFile]:
    own = _digest(photo)

    def place(file: PhotoFile) -> str:
        return hashlib.sha256(f"{own} {file.name}".encode("utf-8", "surrogateescape")).hexdigest()

    return iter(sorted((file for file in context.source_files if file.name != context.file.name), key=place))


def _digest(photo: Photo) -> str:
    """Return a hash of a photo's size and pixels."""
    digest = hashlib.sha256(f"{photo.shape}".encode())
    digest.update(np.ascontiguousarray(photo).data)
    return digest.hexdigest()


def _alike(first: str | None, second: str | None) -> bool:
    return first is not None and second is not None and (int(first, 16) ^ int(second, 16)).bit_count() <= MAX_DISTANCE


def _covering(photo: Photo, height: int, width: int) -> Photo:
    """Return the middle of a photo, scaled to cover a frame."""
    scale = max(height / photo.shape[0], width / photo.shape[1])
    rows, columns = (
        max(1, min(side, round(frame / scale))) for side, frame in zip(photo.shape, (height, width), strict=False)
    )
    top, left = (photo.shape[0] - rows) // 2, (photo.shape[1] - columns) // 2
    middle = np.ascontiguousarray(photo[top : top + rows, left : left + columns])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(middle, (width, height), interpolation=interpolation))


def change_background_ladders(background: Sequence[Kind], blur: float, subject: SubjectFinder) -> Degradation:
    """Return a ladder of one level for each background. All share one control: the subject pasted back.

    Args:
        background: ``blurred``, ``plain``, ``other``.
        blur: Standard deviation of the Gaussian, as a share of the photo's shorter side.
        subject: Finds the subject.

    Raises:
        ValueError: If a background is unknown or named twice, or ``blur`` is not above 0.
    """
    known = get_args(Kind)
    if unknown := [name for name in background if name not in known]:
        raise ValueError(f"background must be among {', '.join(known)}, not {', '.join(map(str, unknown))}")
    if not blur > 0:
        raise ValueError(f"blur must be above 0, as a share of the shorter side, not {blur}")
    levels = {
        "blurred": Level("blurred", partial(blurred, sigma=blur, finder=subject)),
        "plain": Level("plain", partial(plain, finder=subject)),
        "other": Level("other", partial(other, finder=subject), needs_context=True),
    }
    control = Control("pasted", partial(pasted, finder=subject))
    return Degradation("semantic", [Ladder(name, [levels[name]]) for name in background], [control], subject.made_with)
