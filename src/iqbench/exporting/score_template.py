"""The template that a user fills with scores: a line for each exported file."""

import logging
from collections.abc import Iterable
from pathlib import Path

from iqbench.io import write_text
from iqbench.picture_manifest import PictureRow

log = logging.getLogger(__name__)

TEMPLATE = "scores.csv"
HEADER = "file,score"


def write_template(folder: Path, rows: Iterable[PictureRow]) -> None:
    """Write ``scores.csv`` with empty scores, unless a file of that name holds scores already.

    Args:
        folder: The folder of the export.
        rows: The rows of the manifest.
    """
    file = folder / TEMPLATE
    if file.exists() and not _is_template(file):
        log.info("%s: holds scores, and is left as it is", file)
        return
    write_text(file, "\n".join([HEADER, *(f"{row.file}," for row in rows if row.file)]) + "\n")


def _is_template(file: Path) -> bool:
    lines = file.read_bytes().splitlines()
    return lines[:1] == [HEADER.encode()] and all(line.endswith(b",") for line in lines[1:])
