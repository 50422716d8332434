"""Random changes to training photos that change nothing about their quality.

The one module that uses albumentations. It is imported when it is first needed, since that takes a second.
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
    """A horizontal mirror and a slight crop, drawn afresh for each example.

    There is nothing else on purpose. Brightness, colour, blur, noise, JPEG and whatever interpolates,
    such as zoom or rotation, change how good a photo is and not only how it looks, so a model that
    is taught to ignore them is blind to what it should judge. A mirror image is as good as the photo;
    a crop is too only while it is slight, so keep well above what the benchmark calls damage (0.8).
    NIMA (Talebi and Milanfar, 2018) is trained with both. Pixels are moved and left out, never mixed.

    Args:
        flip: Probability of the mirror.
        keep: Share of each side that is kept at least; each edge loses at most half of the rest. 1 crops nothing.

    Raises:
        UsageError: If one of them is not a share.

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
            _albumentations()  # before workers are forked, so that it is imported once for all of them

    def __call__(self, *photos: Photo, seed: int) -> tuple[Photo, ...]:
        """Return the photos with the same draw for each: mirrored together, cropped to the same relative frame.

        The draw depends on ``seed`` alone. What is not changed is not copied.
        """
        if not self._changes_something:
            return photos
        transforms = self._transforms()
        augmented = []
        for photo in photos:
            # One generator for all transforms: `set_random_seed` gives each its own, equally seeded, and so
            # the number that decides on the mirror would also place the crop.
            transforms.set_random_state(np.random.default_rng(seed), random.Random(seed))
            augmented.append(transforms(image=photo)["image"])
        return tuple(augmented)

    @property
    def _changes_something(self) -> bool:
        return self.flip > 0 or self.keep < 1

    def _transforms(self) -> Any:
        """Return new transforms, because they remember: what threads shared, they would reseed under each other.

        Among albumentations' crops this is the one whose draws do not depend on the size of the photo.
        """
        library = _albumentations()
        crop = library.CropAndPad(percent=((self.keep - 1) / 2, 0.0), keep_size=False, p=1.0)
        return library.Compose([crop, library.HorizontalFlip(p=self.flip)], strict=True)


def _albumentations() -> Any:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else it asks the internet for its newest version
    import albumentations

    return albumentations


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
