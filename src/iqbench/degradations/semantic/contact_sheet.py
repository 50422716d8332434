"""Contact sheets of semantic damage: each photo, its subject, and what is made of it, to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from iqbench import photos
from iqbench.degradations.semantic.background import other_photo
from iqbench.degradations.semantic.scene import scene_of
from iqbench.degradations.semantic.subject import SubjectFinder
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile, Variant

CELL = (160, 220)
"""Height and width of a picture on the sheet, in pixels."""

CAPTION = 18
"""Height of a caption, in pixels."""

OK = "ok"


@dataclass(frozen=True)
class SheetRow:
    """A photo on a sheet: its pictures, and for each variant ``ok`` or the reason why it cannot be made."""

    picture: Photo
    statuses: dict[str, str]
    other: str = ""
    """The name of the photo whose scene is the other background, "" if there is none."""


def sheet_row(
    file: PhotoFile, source_files: Sequence[PhotoFile], variants: Sequence[Variant], finder: SubjectFinder
) -> SheetRow:
    """Return the row of a photo.

    Args:
        file: The photo.
        source_files: All photos of its source.
        variants: The variants to show.
        finder: Finds the subject.

    Raises:
        iqbench.photos.PhotoError: If the photo cannot be read.
    """
    photo = photos.read(file.path, file.limits).pixels
    context = PhotoContext(file, source_files)
    statuses = dict[str, str]()
    cells = [_cell(photo, file.name), _mask_cell(photo, finder)]
    for variant in variants:
        try:
            cells.append(_cell(variant.picture(photo, context), variant.key))
            statuses[variant.key] = OK
        except NotApplicable as reason:
            cells.append(_cell(None, f"{variant.key}: {reason}"))
            statuses[variant.key] = str(reason)
    try:
        other = other_photo(photo, context)[0].name
    except NotApplicable:
        other = ""
    return SheetRow(np.hstack(cells), statuses, other)


def sheet(rows: Sequence[SheetRow]) -> UInt8[np.ndarray, "bytes"]:
    """Return the rows below each other as a PNG."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(np.vstack([row.picture for row in rows]), cv2.COLOR_RGB2BGR))
    return np.asarray(encoded)


def _mask_cell(photo: Photo, finder: SubjectFinder) -> Photo:
    """Return the photo with its subject bright, what is removed with it in between, and the rest dark."""
    try:
        subject = scene_of(photo, finder).subject
    except NotApplicable as reason:
        return _cell(None, f"subject: {reason}")
    light = np.where(subject.silhouette, 1.0, np.where(subject.region, 0.6, 0.2))[..., None]
    return _cell(np.rint(subject.picture * light).astype(np.uint8), f"subject: {100 * subject.mask.mean():.0f} %")


def _cell(photo: Photo | None, caption: str) -> Photo:
    height, width = CELL
    cell = np.full((height + CAPTION, width + 4, 3), 255, np.uint8)
    if photo is not None:
        scale = min(height / photo.shape[0], width / photo.shape[1])
        size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
        cell[: size[1], : size[0]] = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    text = caption.encode("ascii", "replace").decode()
    for line, start in enumerate(range(0, len(text), 36) if photo is None else [0]):
        at = 2, (height + 13 if photo is not None else 16 + 16 * line)
        cv2.putText(cell, text[start : start + 36], at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
