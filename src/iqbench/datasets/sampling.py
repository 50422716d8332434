"""Samples of photos that do not depend on the order or number of the files."""

from collections.abc import Sequence
from pathlib import Path

from iqbench.datasets.decode_cache import examine
from iqbench.datasets.passed_over import RESULTS, UNDECODABLE, PassedOver
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import PhotoFile
from iqbench.outputs import is_drawn


def sample(files: Sequence[PhotoFile], limit: int | None, seed: int) -> list[PhotoFile]:
    """Return at most ``limit`` of the files, sorted by name.

    The sample is a hash sample, so it does not depend on the order or number of the files, and a larger
    limit adds photos to those of a smaller one.

    Raises:
        UsageError: If ``limit`` is not a whole number, or less than 1.

    Example:
        >>> files = [PhotoFile(f"./{stem}.jpg", Path(f"{stem}.jpg")) for stem in "dcba"]
        >>> [file.name for file in sample(files, limit=2, seed=0)]
        ['./b.jpg', './c.jpg']
        >>> [file.name for file in sample(files, limit=3, seed=0)]
        ['./b.jpg', './c.jpg', './d.jpg']
    """
    return _sorted(_in_hash_order(files, limit, seed)[:limit])


def usable_sample(
    files: Sequence[PhotoFile], limit: int | None, seed: int, cache: Path | None, passed_over: PassedOver
) -> list[PhotoFile]:
    """Return all files, or at most ``limit`` photos that can be decoded, sorted by name.

    With a limit, a photo that cannot be decoded gives its place to the next one of the hash sample. Without one it is
    returned, and gets a row that tells why it was not judged.

    Args:
        files: The photos.
        limit: Maximum number of photos; None for all files.
        seed: Seed of the sample.
        cache: Folder of the decode cache, None for none.
        passed_over: Counts the photos that are left out of the sample, and iqbench's own pictures.

    Raises:
        UsageError: If ``limit`` is not a whole number, or less than 1.
    """
    candidates = _in_hash_order(files, limit, seed)
    if limit is None:
        return _sorted([file for file in candidates if not _is_own(file, passed_over)])
    chosen: list[PhotoFile] = []
    while candidates and len(chosen) < limit:
        missing = limit - len(chosen)
        batch, candidates = candidates[:missing], candidates[missing:]
        photos = [file for file in batch if not _is_own(file, passed_over)]
        for file, code in zip(photos, examine(photos, cache)["code"].tolist(), strict=True):
            if code == "ok":
                chosen.append(file)
            else:
                passed_over.add(f"{UNDECODABLE}{code}", file.name)
    return _sorted(chosen)


def _in_hash_order(files: Sequence[PhotoFile], limit: int | None, seed: int) -> list[PhotoFile]:
    if limit is not None and not (isinstance(limit, int) and limit >= 1):
        raise UsageError(f"data.limit={limit}: must be a whole number, at least 1, or null for all photos")
    return [files[position] for position in hash_order([file.name for file in files], seed)]


def _sorted(files: list[PhotoFile]) -> list[PhotoFile]:
    return sorted(files, key=lambda file: file.name)


def _is_own(file: PhotoFile, passed_over: PassedOver) -> bool:
    """Return whether iqbench drew the picture, and count it then."""
    try:
        is_own = is_drawn(file.path)
    except OSError:  # its row tells why it cannot be read
        return False
    if is_own:
        passed_over.add(RESULTS, file.name)
    return is_own
