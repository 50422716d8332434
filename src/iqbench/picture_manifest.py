"""The manifest of exported pictures: which file holds which picture of which photo, recognised by its pixels."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.interfaces import Photo
from iqbench.parsing import read_text

MANIFEST = "manifest.csv"
ORIGINAL = "original"
"""The name of the photo itself among its variants."""

DIGEST_BYTES = 16

_DIGEST = re.compile(f"[0-9a-f]{{{2 * DIGEST_BYTES}}}")

READ = ["file", "photo", "variant", "status", "sha256", "digest"]
"""The columns by which a picture is found again."""


class PictureRow(NamedTuple):
    """A row of the manifest: a planned picture, and where it is or why it could not be made.

    ``file`` is relative to the manifest, "" without a picture. ``sha256`` is that of the photo's file, ``digest`` that
    of the picture's pixels; see `pixel_digest`.
    """

    file: str
    photo: str
    variant: str
    status: str = "ok"
    error: str = ""
    sha256: str = ""
    digest: str = ""
    width: int | None = None
    height: int | None = None


def pixel_digest(picture: Photo) -> str:
    """Return a digest of a picture's size and pixels: 32 hex digits of BLAKE2b, about 1 GB/s.

    Example:
        >>> tall, wide = np.zeros((2, 1, 3), np.uint8), np.zeros((1, 2, 3), np.uint8)
        >>> pixel_digest(tall) == pixel_digest(tall.copy()), pixel_digest(tall) == pixel_digest(wide)
        (True, False)
    """
    height, width = picture.shape[:2]
    digest = hashlib.blake2b(f"{width} x {height} ".encode(), digest_size=DIGEST_BYTES)
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()


def manifest_text(rows: Iterable[PictureRow]) -> str:
    """Return a manifest as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(PictureRow._fields)
    writer.writerows(rows)
    return stream.getvalue()


def read_manifest(file: Path) -> pd.DataFrame:
    """Return the columns `READ` of a manifest as texts.

    Raises:
        UsageError: If there is no such file, or it is no manifest of `iqbench.export`.
    """
    text = read_text(file)
    try:
        table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, usecols=lambda name: name in READ)
    except (ValueError, pd.errors.ParserError) as error:
        raise UsageError(f"{file}: is not CSV ({' '.join(str(error).split())[:160]}); export again") from error
    if missing := [name for name in READ if name not in table]:
        raise UsageError(f"{file}: has no column {', '.join(missing)}, so python -m iqbench.export did not write it")
    for at, (status, digest) in enumerate(zip(table["status"].tolist(), table["digest"].tolist(), strict=True)):
        if status == "ok" and not _DIGEST.fullmatch(digest):
            raise UsageError(f"{file}: row {at + 1}: the digest of the pixels is damaged; export again")
    return table[READ]
