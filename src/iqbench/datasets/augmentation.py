"""Augmentation of training photos that leaves their quality unchanged.

Only this module uses albumentations. It is imported on first use, since the import takes a second.
"""

import os
import random
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from iqbench.errors import UsageError
from iqbench.interfaces import Photo


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
            _albumentations()  # imported before workers are forked, so that they share it

    def __call__(self, *photos: Photo, seed: int) -> tuple[Photo, ...]:
        """Return the photos, all flipped or none, and all cropped to the same relative frame.

        The result depends on the photos and ``seed`` alone. Without any change, the photos are not copied.
        """
        if not self._changes_something:
            return photos
        transforms = self._transforms()
        augmented = []
        for photo in photos:
            # One generator for both transforms: `set_random_seed` gives each its own with the same seed, so
            # the number that decides on the flip would also place the crop.
            transforms.set_random_state(np.random.default_rng(seed), random.Random(seed))
            augmented.append(transforms(image=photo)["image"])
        return tuple(augmented)

    @property
    def _changes_something(self) -> bool:
        return self.flip > 0 or self.keep < 1

    def _transforms(self) -> Any:
        """Return new transforms. They have state, so threads that shared them would reseed each other.

        ``CropAndPad`` is the only crop of albumentations whose random numbers do not depend on the photo's size.
        """
        library = _albumentations()
        crop = library.CropAndPad(percent=((self.keep - 1) / 2, 0.0), keep_size=False, p=1.0)
        return library.Compose([crop, library.HorizontalFlip(p=self.flip)], strict=True)


def _albumentations() -> Any:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it looks for a newer version on the internet
    import albumentations

    return albumentations


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
