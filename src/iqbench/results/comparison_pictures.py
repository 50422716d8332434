"""Pictures of the pairs on which two models disagree, in a file beside the exports of a sweep.

A job knows only its own model, so the pictures are made when the jobs are merged. A later report has them without
the photos.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

FILE_NAME = "comparisons.parquet"

PairKey = tuple[str, str, str]
"""The sha256 of the photo of the original, that of the photo of the copy, and the variant of the copy."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComparisonPicture:
    """The original of a photo and a degraded copy, of it or of another photo, as JPEG: small, and at 100 %."""

    original_sha256: str
    sha256: str
    variant: str
    whole_original: bytes
    whole_degraded: bytes
    detail_original: bytes
    detail_degraded: bytes

    @property
    def key(self) -> PairKey:
        """The key of the pair."""
        return self.original_sha256, self.sha256, self.variant


ComparisonPictures = Mapping[PairKey, ComparisonPicture]

_COLUMNS = [field.name for field in fields(ComparisonPicture)]


def read_comparison_pictures(folder: Path) -> ComparisonPictures:
    """Return the pictures in a folder; none if there is no file. A damaged one is logged: a report does without it."""
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    try:
        rows = pd.read_parquet(path, columns=_COLUMNS).to_dict("records")
        pictures = [ComparisonPicture(**{str(name): value for name, value in row.items()}) for row in rows]
    except (OSError, ValueError, KeyError) as error:
        log.warning(
            "%s: cannot be read (%s); the report has no such pictures", path, " ".join(str(error).split())[:160]
        )
        return {}
    return {picture.key: picture for picture in pictures}


def write_comparison_pictures(path: Path, pictures: Iterable[ComparisonPicture]) -> None:
    """Write pictures as parquet, in the order of their keys: the same pictures give the same bytes."""
    rows = [asdict(picture) for picture in sorted(pictures, key=lambda picture: picture.key)]
    path.write_bytes(pd.DataFrame(rows, columns=_COLUMNS).to_parquet(index=False))
