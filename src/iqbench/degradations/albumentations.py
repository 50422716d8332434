"""Any transform of albumentations as a degradation: a ladder of one of its parameters."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, get_args, get_origin

import cv2
import numpy as np

from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.degradations.randomness import random_bits
from iqbench.degradations.tilt import LONGEST_SIDE
from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Group, NotApplicable, Photo
from iqbench.photos import synthetic_photo
from iqbench.transform_library import albumentations, seeded

SWAPPED = {"ImageCompression": "it takes red for blue: choose degradation=jpeg or degradation=webp"}
"""Transforms that do not do what they say, and what to use."""

RESERVED = ("p", "strict")
"""Settings that a degradation decides: it is always applied, and a typo is an error."""


def transform_ladder(transform: str, parameter: str, levels: Sequence[Any], settings: Mapping[str, Any]) -> Degradation:
    """Return a ladder of one of albumentations' transforms, one level per value of a parameter.

    Every draw is seeded by the photo. A transform that changes the size is compositional damage, any other technical.

    Args:
        transform: Its name in albumentations, such as ``GlassBlur``.
        parameter: The parameter that makes the ladder, such as ``sigma``.
        levels: Its values, mild to severe. A parameter that is a range gets (x, x) for a number x.
        settings: Values of its other parameters.

    Raises:
        UsageError: If there is no such transform or parameter, a value is refused, a level changes nothing, or the
            transform needs more than a photo or gives something else than one.
    """
    arguments = _arguments(transform)
    for name in (parameter, *settings):
        if name in RESERVED or name not in arguments:
            known = [argument for argument in arguments if argument not in RESERVED]
            hint = did_you_mean(name, known)
            raise UsageError(f"{transform}: no parameter {name}.{hint} There are: {', '.join(known)}")
    if parameter in settings:
        raise UsageError(f"{transform}: {parameter} is the ladder's parameter; take it out of settings")
    if not levels:
        raise UsageError(f"{transform}: no levels of {parameter}")
    every = [{**settings, parameter: _value(transform, parameter, level)} for level in levels]
    group = _group(transform, every)
    steps = [
        Level(_name(level), partial(transformed, transform=transform, settings=each), _amount(level))
        for level, each in zip(levels, every, strict=True)
    ]
    return Degradation(group, [Ladder("", steps, parameter.replace("_", " "))])


def transformed(photo: Photo, transform: str, settings: Mapping[str, Any]) -> Photo:
    """Return a photo after a transform of albumentations whose draws are seeded by the photo.

    Args:
        photo: An sRGB photo.
        transform: The transform's name.
        settings: Its parameters.

    Raises:
        NotApplicable: If OpenCV refuses the photo, and a side is longer than all of its functions take.
    """
    made = _made(transform, settings)
    apply = seeded([made], int(random_bits(photo, transform).random_raw()) % 2**32)
    try:
        result: Photo = apply(image=np.array(photo, order="C"))["image"]
    except cv2.error as error:
        if max(photo.shape) <= LONGEST_SIDE:
            raise
        raise NotApplicable(f"{transform} fails on a side longer than {LONGEST_SIDE:,} px") from error
    return result


def _arguments(transform: str) -> list[str]:
    """Return the names of a transform's parameters."""
    library = albumentations()
    names = [name for name, value in vars(library).items() if _is_transform(value, library)]
    if transform not in names:
        raise UsageError(f"albumentations has no transform {transform}.{did_you_mean(transform, names)}")
    if reason := SWAPPED.get(transform):
        raise UsageError(f"{transform} of albumentations: {reason}")
    return list(inspect.signature(vars(library)[transform].__init__).parameters)[1:]


def _is_transform(value: Any, library: Any) -> bool:
    return isinstance(value, type) and issubclass(value, library.BasicTransform)


def _value(transform: str, parameter: str, level: Any) -> Any:
    """Return a level as the parameter takes it."""
    if isinstance(level, Sequence) and not isinstance(level, str):
        return tuple(level)
    is_number = isinstance(level, int | float) and not isinstance(level, bool)
    return (level, level) if is_number and _is_range(transform, parameter) else level


def _is_range(transform: str, parameter: str) -> bool:
    """Return whether a parameter is a range of two numbers, also where one number would stand for a range."""
    schema = getattr(vars(albumentations())[transform], "InitSchema", None)
    field = None if schema is None else schema.model_fields.get(parameter)
    if field is None:
        return False
    types = (field.annotation, *get_args(field.annotation))
    return any(get_origin(each) is tuple and len(get_args(each)) == 2 for each in types)


def _made(transform: str, settings: Mapping[str, Any]) -> Any:
    """Return the transform, always applied."""
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    try:
        return vars(albumentations())[transform](**arguments, p=1.0, strict=True)
    except (ValueError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if "further information" not in line]
        reason = " ".join(line.partition(" [type=")[0] for line in lines if "validation error" not in line)
        raise UsageError(f"{transform}: {reason}") from error


def _group(transform: str, every: Sequence[Mapping[str, Any]]) -> Group:
    """Return the group of the damage, after a trial of each level on a synthetic photo."""
    photo = synthetic_photo()
    pictures = [_trial(photo, transform, settings) for settings in every]
    for level, (milder, harsher) in enumerate(pairwise([photo, *pictures])):
        if np.array_equal(milder, harsher):
            other = f"the same picture as level {level}" if level else "the photo itself"
            raise UsageError(f"{transform}: level {level + 1} of {len(pictures)} gives {other}")
    return "technical" if all(picture.shape == photo.shape for picture in pictures) else "compositional"


def _trial(photo: Photo, transform: str, settings: Mapping[str, Any]) -> Photo:
    if needed := _made(transform, settings).targets_as_params:
        raise UsageError(f"{transform}: needs {', '.join(needed)} besides the photo, so it is no damage of one photo")
    try:
        picture = transformed(photo, transform, settings)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{transform}: fails on a synthetic photo of 96 x 128 px ({error})") from error
    if picture.dtype != np.uint8 or picture.shape[2:] != (3,):
        raise UsageError(f"{transform}: gives {picture.dtype} {picture.shape}, not a photo (uint8, height x width x 3)")
    return picture


def _name(level: Any) -> str:
    """Return the level's name in the results.

    Example:
        >>> _name(0.7), _name([1, 2]), _name("heavy")
        ('0.7', '1-2', 'heavy')
    """
    if isinstance(level, Sequence) and not isinstance(level, str):
        return "-".join(map(_name, level))
    return f"{level:g}" if isinstance(level, float) else str(level)


def _amount(level: Any) -> float | None:
    return float(level) if isinstance(level, int | float) and not isinstance(level, bool) else None
