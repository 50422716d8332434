"""Output that never ends a program: a terminal that lacks characters, a reader that is gone, a full disk behind it."""

import codecs
import io
import sys
from typing import Any, TextIO

_ASCII = str.maketrans({"–": "-", "—": "-", "−": "-", "…": "...", "’": "'", "“": '"', "”": '"', "≤": "<=", "×": "x"})


def tolerate_lost_output() -> None:
    """Let standard output and error lose what they cannot show: an exit code tells how the work went, not the terminal.

    Characters that cannot be encoded are substituted. What cannot be written, because the reader of a pipe is gone
    (``| head``) or the disk behind it is full, is dropped.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _lossy(stream))
    substitute_unencodable(sys.stdout)
    substitute_unencodable(sys.stderr)


def _lossy(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a text stream on the same file that drops what cannot be written."""
    raw: Any = getattr(stream.buffer, "raw", stream.buffer)  # PYTHONUNBUFFERED leaves out the buffer
    if isinstance(raw, _Lossy) or not isinstance(raw, io.RawIOBase):
        return stream
    stream.flush()
    lossy: Any = _Lossy(raw, stream)
    return io.TextIOWrapper(
        lossy if raw is stream.buffer else io.BufferedWriter(lossy),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Lossy(io.RawIOBase):
    """A raw stream that drops what the other one cannot write, and leaves it open when it is closed itself.

    Args:
        raw: The other one.
        owner: Its text stream, which is kept, since it closes ``raw`` when it is collected.
    """

    def __init__(self, raw: io.RawIOBase, owner: TextIO) -> None:
        self._raw, self._owner = raw, owner

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        try:
            return self._raw.write(data) or len(data)
        except OSError:
            return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def substitute_unencodable(stream: TextIO) -> None:
    """Let a text stream replace the characters that it cannot encode, such as ``–`` on a terminal of code page 437.

    The output then loses a character, where it would end the program with a UnicodeEncodeError.

    Example:
        >>> stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        >>> substitute_unencodable(stream)
        >>> _ = stream.write("67.6–89.4 模") + stream.seek(0)
        >>> stream.read()
        '67.6-89.4 ?'
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
        codecs.register_error("iqbench.ascii", _nearest_ascii)
        stream.reconfigure(errors="iqbench.ascii")


def _nearest_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ASCII)
    return text.encode("ascii", "replace").decode(), error.end
