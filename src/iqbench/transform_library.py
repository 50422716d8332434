"""albumentations: imported on first use, since that takes a second, and seeded so that a picture can be repeated."""

import os
import random
from collections.abc import Sequence
from typing import Any

import numpy as np


def albumentations() -> Any:
    """Return the library, kept from looking for a newer version on the internet."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations

    return albumentations


def seeded(transforms: Sequence[Any], seed: int) -> Any:
    """Return the transforms in a row, such that the result depends on the photo and the seed alone.

    Transforms have state, so threads that shared them would reseed each other: make new ones for each photo. They
    share one generator: `set_random_seed` gives each its own with the same seed, so the number that decides on a flip
    would also place a crop.
    """
    composed = albumentations().Compose(transforms, strict=True)
    composed.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return composed
