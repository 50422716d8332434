"""Which photos of a set can be used: each is decoded once, and what became of it is remembered."""

import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iqbench.datasets.decode_check import Finding, inspect
from iqbench.interfaces import PhotoFile
from iqbench.progress import track
from iqbench.provenance import distribution_version, iqbench_version

log = logging.getLogger(__name__)

_FORGOTTEN = frozenset({"vanished", "changed", "permission", "not_a_file", "process_died", "timeout"})
"""Codes that say nothing about the bytes of a file: such photos are tried again."""
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
    ]
)

Stamp = tuple[int, int]
"""A file's size and the time of its last change, in ns: where both are the same, so are its bytes."""


def examine(files: Sequence[PhotoFile], cache: Path) -> pd.DataFrame:
    """Return what became of each photo when it was decoded, a row a photo, indexed by name and in the order given.

    ``code`` is ``ok`` or a `PhotoError`'s; ``sha256``, ``file_bytes``, ``width`` and ``height`` are
    missing unless it is ``ok``. What is known of files that have not changed is not found out again,
    and what was found out before an interruption is kept.

    Args:
        files: The photos.
        cache: The folder that remembers; without it (or if it cannot be written) all is slower, nothing else.
    """
    if not files:
        return _frame([], [])
    memory = _Memory(files, cache)
    stamps = [_stamp(file.path) for file in files]
    known = [memory.recall(file.path, stamp) for file, stamp in zip(files, stamps, strict=True)]
    unknown = [place for place, finding in enumerate(known) if finding is None]
    found: dict[int, Finding] = {}
    if unknown:
        looks = inspect([files[place].path for place in unknown])
        try:
            for at, finding in track(looks, "decoding photos", len(unknown)):
                found[unknown[at]] = finding
                memory.keep(files[unknown[at]].path, stamps[unknown[at]], finding)
        finally:
            memory.save()
    findings = [found[place] if finding is None else finding for place, finding in enumerate(known)]
    _report(findings)
    return _frame(files, findings)


class _Memory:
    """What was found out about the photos below a folder, by path. A file in the cache; losing it costs only time."""

    def __init__(self, files: Sequence[PhotoFile], cache: Path) -> None:
        root = os.path.commonpath([file.path.absolute().parent for file in files])
        # another version of the decoder may see a file differently
        key = b"\0".join([os.fsencode(root), distribution_version("pillow").encode(), iqbench_version().encode()])
        self._file = cache / f"photos-{hashlib.sha256(key).hexdigest()[:16]}.parquet"
        self._rows = self._load()
        self._saved = time.monotonic()

    def recall(self, path: Path, stamp: Stamp | None) -> Finding | None:
        """Return what is known of a photo, unless its file has changed."""
        row = self._rows.get(_key(path))
        return row[1] if row is not None and row[0] == stamp else None

    def keep(self, path: Path, stamp: Stamp | None, finding: Finding) -> None:
        """Remember a photo; once a minute, on disk."""
        if stamp is None or finding.code in _FORGOTTEN:
            self._rows.pop(_key(path), None)
        else:
            self._rows[_key(path)] = (stamp, finding)
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the file as a whole, or say why not."""
        self._saved = time.monotonic()
        unfinished = self._file.with_suffix(f".{os.getpid()}.tmp")
        rows = [(path, *stamp, *finding) for path, (stamp, finding) in self._rows.items()]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(_SCHEMA)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                table = pa.table(columns, schema=_SCHEMA)
                pq.write_table(table, unfinished, write_page_checksum=True)
                unfinished.replace(self._file)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: cannot be written (%s); photos will be decoded again next time", self._file, error)

    def _load(self) -> dict[bytes, tuple[Stamp, Finding]]:
        try:
            # read as plain bytes: opened by name, a file that is being replaced may be seen half
            table = pq.read_table(pa.BufferReader(self._file.read_bytes()), page_checksum_verification=True)
            if not table.schema.equals(_SCHEMA):
                raise ValueError("other columns than expected")
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            return {path: ((size, mtime), Finding(*finding)) for path, size, mtime, *finding in rows}
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
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _frame(files: Sequence[PhotoFile], findings: Sequence[Finding]) -> pd.DataFrame:
    index = pd.Index([file.name for file in files], name="photo", dtype=object)
    frame = pd.DataFrame(findings, columns=list(Finding._fields), index=index, dtype=object)
    frame.insert(0, "path", pd.Series([file.path for file in files], index=index, dtype=object))
    return frame.astype(dict.fromkeys(["file_bytes", "width", "height"], "Int64"))


def _report(findings: Sequence[Finding]) -> None:
    usable = sum(finding.code == "ok" for finding in findings)
    codes = Counter(finding.code for finding in findings if finding.code != "ok")
    reasons = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    said = f" ({reasons})" if reasons else ""
    log.info("%s of %s photos can be used%s", f"{usable:,}", f"{len(findings):,}", said)
