"""What tells that a folder or a picture was written by iqbench, so that it is never judged as a photo."""

import struct
import zlib
from collections.abc import Collection
from pathlib import Path

MARK = ".iqbench"
"""Marks the folders that iqbench writes results into."""

SIGNS = frozenset(
    {
        MARK,
        "results.sqlite",
        "unified_results.csv",
        "KEY_TAKEAWAYS.md",
        "evaluation.json",
        "doctor.json",
        "outcome.json",
    }
)
"""Files that tell a folder of results, also one that was copied without its hidden files."""

PICTURES = frozenset({"accuracy.png", "evaluation.png"})
"""The pictures among the exports. Those of iqbench 0.3 and older are known by their names alone."""

LOGGER_FOLDERS = frozenset({"wandb", "mlruns"})
"""Folders in which loggers of a training keep pictures."""

STAMP = {"Source": "iqbench"}
"""The metadata of every PNG that iqbench draws."""

_STAMP_BYTES = b"".join(f"tEXt{key}\0{value}".encode() for key, value in STAMP.items())
_HEAD_BYTES = 512
"""Bytes in which the stamp stands: it comes before the pixels."""


_PNG_HEADER_BYTES = 33


def stamped(png: bytes) -> bytes:
    r"""Return a PNG with the stamp behind its header.

    Example:
        >>> stamped(b"x" * 33)[33:41]
        b'\x00\x00\x00\x0etEXt'
    """
    header, rest = png[:_PNG_HEADER_BYTES], png[_PNG_HEADER_BYTES:]
    size = struct.pack(">I", len(_STAMP_BYTES) - len(b"tEXt"))
    return header + size + _STAMP_BYTES + struct.pack(">I", zlib.crc32(_STAMP_BYTES)) + rest


def holds_results(names: Collection[str]) -> bool:
    """Return whether a folder with these files is a folder of results.

    Example:
        >>> holds_results({"accuracy.png", "results.sqlite"}), holds_results({"accuracy.png"})
        (True, False)
    """
    return not SIGNS.isdisjoint(names)


def is_drawn(path: Path) -> bool:
    """Return whether iqbench drew a picture, wherever it was moved and however it is called.

    Raises:
        OSError: If it cannot be read.
    """
    if path.suffix.lower() != ".png" or not path.is_file():  # opening a pipe blocks until there is a writer
        return False
    with path.open("rb") as file:
        return _STAMP_BYTES in file.read(_HEAD_BYTES)
