"""The photos of a benchmark that a program asks for: a folder, a list, a data set, or pictures in memory."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from PIL import Image

from iqbench import config
from iqbench.api.pictures import existing_file, is_picture, pixels_of
from iqbench.datasets.passed_over import PassedOver
from iqbench.datasets.photo_names import display_name
from iqbench.datasets.sampling import usable_sample
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile, PhotoListing

PICTURES = "pictures"
"""The folder, beside the results, of pictures that were given as arrays or images."""


def data_of(photos: Any, limit: int | None, seed: int, folder: Path) -> tuple[DictConfig, PhotoListing | None]:
    """Return the ``data`` part of a config, and the photos where the config cannot list them.

    Args:
        photos: None for the sample photos, a folder, paths, images, arrays, a mapping with the ``_target_`` of a data
            set, or an object with ``photos()``.
        limit: Maximum number of photos, None for all.
        seed: Seed of the sample that a limit keeps.
        folder: The folder of the results, in which pictures from memory are kept.

    Raises:
        UsageError: If there are no photos, or one cannot be used.
    """
    if photos is None:
        return _choice("samples", limit=limit), None
    if isinstance(photos, str | Path) and not Path(photos).expanduser().is_file():
        if not Path(photos).expanduser().is_dir():
            existing_file(photos)  # says what is wrong with it
        return _choice("folder", limit=limit, root=str(photos)), None
    if isinstance(photos, DictConfig) or (isinstance(photos, Mapping) and "_target_" in photos):
        node = DictConfig(OmegaConf.to_container(DictConfig(photos), resolve=True))
        if limit is not None:
            node.limit = limit
        return node, None
    if callable(getattr(photos, "photos", None)):
        listing: PhotoListing = photos.photos()
        kind = type(photos)
        settings = {"_target_": f"{kind.__module__}.{kind.__qualname__}", "limit": limit, "seed": seed}
        return DictConfig(settings), _limited(listing, limit, seed)
    if isinstance(photos, Mapping) or not (is_picture(photos) or isinstance(photos, Iterable)):
        raise UsageError(
            f"photos: {type(photos).__name__} is no source of photos; give a folder, a list of paths, images or "
            "arrays, or a data set such as {'_target_': 'iqbench.datasets.ava.AvaPhotos', ...}"
        )
    files = files_of([photos] if is_picture(photos) else list(photos), folder / PICTURES)
    return DictConfig({"limit": limit, "seed": seed}), _limited(PhotoListing(files, {}), limit, seed)


def _limited(listing: PhotoListing, limit: int | None, seed: int) -> PhotoListing:
    """Return at most ``limit`` photos that can be decoded; without a limit, all that were given."""
    if limit is None:
        return replace(listing, files=sorted(listing.files, key=lambda file: file.name))
    passed_over = PassedOver()
    files = usable_sample(listing.files, limit, seed, None, passed_over)
    return replace(listing, files=files, ignored={**listing.ignored, **passed_over.counts})


def _choice(name: str, **settings: Any) -> DictConfig:
    node = config.compose("bench", [f"data={name}"]).data
    node = DictConfig(OmegaConf.to_container(node))
    for key, value in settings.items():
        node[key] = value
    return node


def files_of(pictures: list[Any], folder: Path) -> list[PhotoFile]:
    """Return a file for each picture. Pictures in memory are written as PNG, which keeps every pixel.

    Args:
        pictures: Paths, images of PIL, arrays or tensors.
        folder: The folder of the files that are written.

    Raises:
        UsageError: If there are none, or one cannot be used.
    """
    if not pictures:
        raise UsageError("photos: there are none")
    paths = {at: existing_file(each).absolute() for at, each in enumerate(pictures) if isinstance(each, str | Path)}
    root = Path(os.path.commonpath([path.parent for path in paths.values()])) if paths else folder
    files = []
    for at, picture in enumerate(pictures):
        if at in paths:
            files.append(PhotoFile(display_name(paths[at].relative_to(root).as_posix()), paths[at]))
        else:
            name = f"picture_{at:04}.png"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels_of(picture)).save(folder / name, compress_level=1)
            files.append(PhotoFile(f"./{name}", folder / name))
    names = [file.name for file in files]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"photos: {repeated[0]} is given twice")
    return files
