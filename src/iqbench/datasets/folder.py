"""Photos below a folder, or a sample of them."""

import logging
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache as once
from pathlib import Path

from iqbench.datasets.cluster_choice import cluster_choice
from iqbench.datasets.folder_walk import FolderWalk
from iqbench.datasets.passed_over import passed_over_text
from iqbench.datasets.patterns import Patterns
from iqbench.datasets.sampling import usable_sample
from iqbench.errors import UsageError
from iqbench.interfaces import STANDARD_LIMITS, ClusterChoice, Limits, PhotoFile, PhotoListing
from iqbench.paths import absolute

log = logging.getLogger(__name__)

MAX_MEGAPIXELS = 178
"""Largest photo that Pillow, the decoder, accepts."""


class Folder:
    """All photos below ``root``, including sub-folders, or a sample of them.

    A file with a photo's name is listed even if it is a pipe or a broken link; its row in the results then has the
    reason. Other files are listed if their first bytes are a photo's. Photos in a format that iqbench cannot read,
    pictures that iqbench drew, and other files are passed over, counted and logged.

    Args:
        root: The folder. Links below it are followed, and each real folder is visited once.
        limit: Maximum number of photos; null for all. A photo that cannot be decoded takes no place in the sample.
        seed: Seed of the sample, if there are more photos than ``limit``.
        max_megapixels: Larger photos are refused from their header, as ``too_many_pixels``.
        min_side: Photos with a shorter side, in pixels, are refused as ``too_small``.
        cluster: What makes photos one cluster; ``series`` does not apply.
        include: Patterns of the photos to take, relative to ``root``; null for all. See `Patterns`.
        exclude: Patterns of the photos to leave out of these.
        cache: Folder of the decode cache, which a limit uses; null for none.

    Raises:
        UsageError: If ``max_megapixels`` or ``min_side`` is out of range, ``cluster`` is no choice, or a pattern is
            wrong.
    """

    def __init__(
        self,
        root: str,
        limit: int | None,
        seed: int,
        max_megapixels: float = STANDARD_LIMITS.max_pixels / 1e6,
        min_side: int = STANDARD_LIMITS.min_side,
        cluster: ClusterChoice = "look",
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        cache: str | None = None,
    ) -> None:
        if not 0 < max_megapixels <= MAX_MEGAPIXELS:
            raise UsageError(f"data.max_megapixels={max_megapixels}: must be above 0, and at most {MAX_MEGAPIXELS}")
        if min_side < 1:
            raise UsageError(f"data.min_side={min_side}: must be 1 pixel or more")
        for key, patterns in (("include", include), ("exclude", exclude)):
            Patterns(patterns, f"data.{key}")
        self.root = root
        self.limit = limit
        self.seed = seed
        self.limits = Limits(round(max_megapixels * 1e6), min_side)
        self.cluster = cluster_choice(cluster)
        self.include, self.exclude = include, exclude
        self.cache = None if cache is None else absolute(cache, "data.cache")

    def photos(self) -> PhotoListing:
        """Return the photos sorted by name, in the same order on every machine and in every locale.

        Raises:
            UsageError: If the folder is missing or unreadable, or contains no photos.
        """
        include, exclude = Patterns(self.include, "data.include"), Patterns(self.exclude, "data.exclude")
        walk = FolderWalk(self._existing_root(), include, exclude)
        candidates = [replace(file, limits=self.limits) for file in walk.files]
        files = usable_sample(candidates, self.limit, self.seed, self.cache, walk.passed_over)
        counts, examples = walk.passed_over.counts, walk.passed_over.examples
        if not files:
            ignored = ", ".join(f"{count} {reason}" for reason, count in counts.items())
            raise UsageError(f"data.root={self.root}: no photos in it (ignored: {ignored or 'nothing'})")
        for pattern in (*include.unused, *exclude.unused):
            _warn_once(f"{pattern}: matches no photo in data.root={self.root}")
        _warn_of_equal_names(files)
        if text := passed_over_text(counts, examples):
            _log_once(f"data.root={self.root}: passed over {text}")
        return PhotoListing(files, counts, self.cluster, examples)

    def _existing_root(self) -> Path:
        root = absolute(self.root, "data.root")
        if not root.exists():
            raise UsageError(f"data.root={self.root}: no such folder")
        if not root.is_dir():
            raise UsageError(f"data.root={self.root}: is a file; give its folder")
        try:
            os.scandir(root).close()
        except OSError as error:
            raise UsageError(f"data.root={self.root}: cannot be read ({error.strerror})") from error
        return root


def _warn_of_equal_names(files: Sequence[PhotoFile]) -> None:
    """Warn of names that differ in their Unicode form alone: on another disk they may be one file."""
    names: dict[str, list[str]] = {}
    for file in files:
        names.setdefault(unicodedata.normalize("NFC", file.name), []).append(file.name)
    equal = [same for same in names.values() if len(same) > 1]
    if equal:
        _warn_once(f"{len(equal)} names stand for several photos that differ in Unicode form, such as {equal[0][0]}")


@once
def _log_once(text: str) -> None:
    """Log a line that every job of a sweep would repeat."""
    log.info("%s", text)


@once
def _warn_once(text: str) -> None:
    log.warning("%s", text)
