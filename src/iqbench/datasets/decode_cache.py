"""Cache of decode results: each photo of a set is decoded once."""

import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iqbench.datasets.decode_check import DecodeResult, decode, decode_all
from iqbench.interfaces import STANDARD_LIMITS, PhotoFile
from iqbench.io import atomic_write
from iqbench.progress import track
from iqbench.version import distribution_version, iqbench_version

log = logging.getLogger(__name__)

_FORGOTTEN = frozenset({"vanished", "changed", "permission", "not_a_file", "process_died", "timeout"})
"""Codes that say nothing about the bytes of a file: the next run tries these photos again."""
_SAVE_SECONDS = 60.0
_SCHEMA = pa.schema(
    [
        ("path", pa.binary()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("file_bytes", pa.int64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("code", pa.string()),
        ("error", pa.string()),
        ("look", pa.string()),
    ]
)

Stamp = tuple[int, int]
"""A file's size and the time of its last change, in ns: where both are the same, so are its bytes."""


def examine(files: Sequence[PhotoFile], cache: Path | None) -> pd.DataFrame:
    """Return the decode result of each photo, a row a photo, indexed by name and in the order given.

    ``code`` is ``ok`` or a `PhotoError`'s; ``sha256``, ``file_bytes``, ``width``, ``height`` and ``look`` are
    missing unless it is ``ok``. Files that have not changed are not decoded again, not even after an interruption.

    Args:
        files: The photos, which share their limits.
        cache: The folder of the cache, None for none. If it cannot be written, the next run decodes again.
    """
    if not files:
        return _frame([], [])
    results_cache = DecodeCache(files, cache)
    stamps = [_stamp(file.path) for file in files]
    results = [results_cache.get(file.path, stamp) for file, stamp in zip(files, stamps, strict=True)]
    missing = [index for index, result in enumerate(results) if result is None]
    new: dict[int, DecodeResult] = {}
    if missing:
        decoded = _decoded([files[index] for index in missing])
        try:
            for position, result in track(decoded, "decoding photos", len(missing)):
                index = missing[position]
                new[index] = result
                results_cache.add(files[index].path, stamps[index], result)
        finally:
            results_cache.save()
    complete = [new[index] if result is None else result for index, result in enumerate(results)]
    _report(complete)
    return _frame(files, complete)


def _decoded(files: Sequence[PhotoFile]) -> Iterator[tuple[int, DecodeResult]]:
    paths, limits = [file.path for file in files], files[0].limits
    return decode_all(paths) if limits == STANDARD_LIMITS else decode_all(paths, partial(decode, limits=limits))


class DecodeCache:
    """The decode results of the photos below a folder, by path, in one file. Losing it costs only time."""

    def __init__(self, files: Sequence[PhotoFile], cache: Path | None) -> None:
        root = os.path.commonpath([file.path.absolute().parent for file in files])
        # another version of the decoder may see a file differently
        key = b"\0".join([os.fsencode(root), distribution_version("pillow").encode(), iqbench_version().encode()])
        if files[0].limits != STANDARD_LIMITS:
            key += repr(files[0].limits).encode()
        self._file = None if cache is None else cache / f"photos-{hashlib.sha256(key).hexdigest()[:16]}.parquet"
        self._rows = self._load()
        self._saved = time.monotonic()

    def get(self, path: Path, stamp: Stamp | None) -> DecodeResult | None:
        """Return the result of a photo, unless its file has changed."""
        row = self._rows.get(_key(path))
        return row[1] if row is not None and row[0] == stamp else None

    def add(self, path: Path, stamp: Stamp | None, result: DecodeResult) -> None:
        """Add the result of a photo; save the file once a minute."""
        if stamp is None or result.code in _FORGOTTEN:
            self._rows.pop(_key(path), None)
        else:
            self._rows[_key(path)] = (stamp, result)
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the file, or log why it cannot be written."""
        self._saved = time.monotonic()
        if self._file is None:
            return
        rows = [(path, *stamp, *result) for path, (stamp, result) in self._rows.items()]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(_SCHEMA)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._file, shared=True) as temporary, temporary.open("wb") as file:
                pq.write_table(pa.table(columns, schema=_SCHEMA), file, write_page_checksum=True)
        except OSError as error:
            log.warning("%s: cannot be written (%s); the next run decodes all photos again", self._file, error)

    def _load(self) -> dict[bytes, tuple[Stamp, DecodeResult]]:
        if self._file is None:
            return {}
        try:
            # pyarrow opens a file by name more than once, so it may see two versions of a file that is being replaced
            table = pq.read_table(pa.BufferReader(self._file.read_bytes()), page_checksum_verification=True)
            if not table.schema.equals(_SCHEMA):
                raise ValueError("other columns than expected")
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            return {path: ((size, mtime), DecodeResult(*result)) for path, size, mtime, *result in rows}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, LookupError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())[:160]
            log.warning("%s: cannot be used (%s); photos are decoded again", self._file, reason)
            return {}


def _key(path: Path) -> bytes:
    return os.fsencode(path.absolute())


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _frame(files: Sequence[PhotoFile], results: Sequence[DecodeResult]) -> pd.DataFrame:
    index = pd.Index([file.name for file in files], name="photo", dtype=object)
    frame = pd.DataFrame(results, columns=list(DecodeResult._fields), index=index, dtype=object)
    frame.insert(0, "path", pd.Series([file.path for file in files], index=index, dtype=object))
    return frame.astype(dict.fromkeys(["file_bytes", "width", "height"], "Int64"))


def _report(results: Sequence[DecodeResult]) -> None:
    codes = Counter(result.code for result in results)
    usable = codes.pop("ok", 0)
    reasons = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    log.info("%s of %s photos can be used%s", f"{usable:,}", f"{len(results):,}", f" ({reasons})" if reasons else "")
