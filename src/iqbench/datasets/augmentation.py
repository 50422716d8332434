"""Augmentation of training photos that leaves their quality unchanged."""

from dataclasses import dataclass
from typing import Any, final

from iqbench.errors import UsageError
from iqbench.interfaces import Photo
from iqbench.transform_library import albumentations, seeded


@final
@dataclass(frozen=True)
class Augmentation:
    """A random horizontal flip and a random slight crop of each example.

    Other augmentations are excluded on purpose. Brightness, colour, blur, noise, JPEG and everything
    that interpolates, such as zoom or rotation, change the quality of a photo, so a model trained to
    ignore them becomes blind to what it should judge. A mirror image is as good as the photo. A crop
    is only if it is slight, so keep well above the mildest crop in the benchmark (0.8). NIMA (Talebi
    and Milanfar, 2018) is trained with both. Pixels are moved or left out, never interpolated.

    Args:
        flip: Probability of the flip.
        keep: Minimum share of each side to keep; each edge loses at most half of the rest. 1 crops nothing.

    Raises:
        UsageError: If ``flip`` is not a probability, or ``keep`` not a share above 0.

    Example:
        >>> import numpy as np
        >>> photo = np.arange(12, dtype=np.uint8).reshape(1, 4, 3)
        >>> mirrored, also_mirrored = Augmentation(flip=1.0, keep=1.0)(photo, photo[:, :2], seed=7)
        >>> mirrored[0, :, 0].tolist(), also_mirrored[0, :, 0].tolist()
        ([9, 6, 3, 0], [3, 0])
    """

    flip: float
    keep: float

    def __post_init__(self) -> None:
        if not _is_number(self.flip) or not 0 <= self.flip <= 1:
            raise UsageError(f"examples.augmentation.flip={self.flip}: must be a probability, from 0 to 1")
        if not _is_number(self.keep) or not 0 < self.keep <= 1:
            raise UsageError(f"examples.augmentation.keep={self.keep}: must be a share above 0, at most 1 (no crop)")
        if self._changes_something:
            albumentations()  # imported before workers are forked, so that they share it

    def __call__(self, *photos: Photo, seed: int) -> tuple[Photo, ...]:
        """Return the photos, all flipped or none, and all cropped to the same relative frame.

        The result depends on the photos and ``seed`` alone. Without any change, the photos are not copied.
        """
        if not self._changes_something:
            return photos
        return tuple(seeded(self._transforms(), seed)(image=photo)["image"] for photo in photos)

    @property
    def _changes_something(self) -> bool:
        return self.flip > 0 or self.keep < 1

    def _transforms(self) -> list[Any]:
        """Return new transforms.

        ``CropAndPad`` is the only crop of albumentations whose random numbers do not depend on the photo's size.
        """
        library = albumentations()
        crop = library.CropAndPad(percent=((self.keep - 1) / 2, 0.0), keep_size=False, p=1.0)
        return [crop, library.HorizontalFlip(p=self.flip)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
