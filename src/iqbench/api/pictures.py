"""The photos that a program gives: paths, images of PIL, arrays and tensors, all by the rules of photo files."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from iqbench import photos
from iqbench.api.models import URL
from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Photo
from iqbench.photos import PhotoError


def is_picture(value: object) -> bool:
    """Return whether a value is one photo, and not several."""
    if isinstance(value, Tensor | np.ndarray):
        return value.ndim < 4
    return isinstance(value, str | Path | Image.Image)


def pixels_of(picture: Any) -> Photo:
    """Return a photo of any kind as pixels: sRGB, upright, on white, as a file with it would be read.

    Args:
        picture: A path, an image of PIL, an array (height, width, 3) or (height, width) of uint8, or a tensor
            (3, height, width) of uint8. Arrays are RGB. OpenCV's are BGR, which cannot be told: convert them with
            ``cv2.cvtColor(array, cv2.COLOR_BGR2RGB)``.

    Raises:
        UsageError: If it is no photo, or no file.
        PhotoError: If it is a photo that cannot be used.
    """
    if isinstance(picture, str | Path):
        return _read(picture)
    if isinstance(picture, Image.Image):
        return photos.of_image(picture)
    if isinstance(picture, Tensor):
        picture = _array_of(picture)
    if isinstance(picture, np.ndarray):
        return photos.of_image(Image.fromarray(_checked(picture)))
    raise UsageError(f"photo: {type(picture).__name__} is no photo; give a path, an image of PIL, or an array")


def existing_file(path: str | Path) -> Path:
    """Return the path of a file that exists, with ``~`` resolved.

    Raises:
        UsageError: If it is a URL, a folder or missing.
    """
    if URL.match(str(path)) or str(path).startswith(("http:/", "https:/")):  # Path drops a slash
        raise UsageError(f"{path}: a URL; download the photo and give its path")
    file = Path(path).expanduser()
    if file.is_dir():
        raise UsageError(f"{path}: a folder; give a photo in it, or the folder to iqbench.benchmark(photos=...)")
    if not file.exists() and not file.is_symlink():
        near = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
        raise UsageError(f"{path}: no such file.{did_you_mean(file.name, near)}")
    return file


def _read(path: str | Path) -> Photo:
    try:
        return photos.read(existing_file(path)).pixels
    except PhotoError as error:
        raise PhotoError(error.code, f"{path}: {error}") from error


def _array_of(tensor: Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.detach().cpu().numpy()
    if array.ndim == 3 and array.shape[0] in (1, 3):
        return array.transpose(1, 2, 0)
    if array.ndim == 3:
        raise UsageError(f"photo: a tensor of shape {tuple(tensor.shape)}; give (3, height, width), in RGB")
    return array


def _checked(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array that is a photo, grey ones without a third axis."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] == 4:
        raise UsageError(
            "photo: an array of four channels, which may be RGBA, BGRA or CMYK; give an image of PIL, or "
            "array[..., :3] if it is RGBA and opaque"
        )
    if array.ndim != 2 and array.shape[2:] != (3,):
        raise UsageError(f"photo: an array of shape {array.shape}; give (height, width, 3), in RGB")
    if array.dtype.kind == "f":
        raise UsageError(
            f"photo: an array of {array.dtype}, whose range cannot be known; convert it: for values from 0 to 1 "
            "(array * 255).round().astype('uint8')"
        )
    if array.dtype != np.uint8:
        raise UsageError(f"photo: an array of {array.dtype}; give uint8, from 0 to 255")
    return np.ascontiguousarray(array)
