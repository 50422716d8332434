"""Strict parsing of label files: one error that lists all wrong lines with their numbers."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

from iqbench.errors import UsageError

_SHOWN = 20

_GAP = re.compile(r"[\s,\[\]]*")
"""What stands between JSON objects."""

_OTHER_FORMATS = {
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
    b"version https://git-lfs": "is a git-lfs pointer, not the file itself; fetch it with git lfs pull",
    b"<": "is a web page, not a list; download it again",
    b"PK\x03\x04": "is a zip archive or a workbook; unpack it, or save its sheet as CSV",
    b"\x1f\x8b": "is a gzip archive; unpack it",
}
"""Files that a failed download leaves in place of a list, by their first bytes."""


class LineErrors:
    """Collects the errors in the lines of a file, so that the user can fix them all at once.

    Example:
        >>> errors = LineErrors(Path("list.txt"))
        >>> errors.raise_if_any()
        >>> errors.add(9, "blank")
        >>> errors.add(3, "the same as line 2")
        >>> errors.raise_if_any()
        Traceback (most recent call last):
        iqbench.errors.UsageError: list.txt: 2 lines are wrong: line 3: the same as line 2; line 9: blank
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._reasons: dict[int, list[str]] = {}

    def add(self, line: int, reason: str) -> None:
        """Add the reason why a line cannot be used. Lines are counted from 1."""
        self._reasons.setdefault(line, []).append(reason)

    def raise_if_any(self) -> None:
        """Raise one error with the first 20 wrong lines and the number of the others.

        Raises:
            UsageError: If any line is wrong.
        """
        if not self._reasons:
            return
        count = len(self._reasons)
        shown = [f"line {line}: {', '.join(self._reasons[line])}" for line in sorted(self._reasons)[:_SHOWN]]
        more = f"; and {count - _SHOWN} more" if count > _SHOWN else ""
        lines = "1 line is" if count == 1 else f"{count:,} lines are"
        raise UsageError(f"{self._file}: {lines} wrong: {'; '.join(shown)}{more}")


def read_text(file: Path) -> str:
    """Return a label file's text, without a byte order mark. Line ends of old Macs become those of Unix.

    Raises:
        UsageError: If the file is missing, unreadable, empty or not a list, or if a line is not
            UTF-8 or contains a NUL byte.
    """
    if file.is_fifo() or file.is_char_device():  # reading could block for ever
        raise UsageError(f"{file}: is a pipe or a device; save it as a file")
    try:
        data = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        _refuse(file, error)
    if not data.strip():
        raise UsageError(f"{file}: the file is empty")
    if reason := next((text for start, text in _OTHER_FORMATS.items() if data.startswith(start)), None):
        raise UsageError(f"{file}: {reason}")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or "\0" in text:
        _refuse_bad_bytes(file, data)
    return text if "\n" in text else text.replace("\r", "\n")


def numbered_lines(file: Path, errors: LineErrors) -> list[tuple[int, str]]:
    r"""Return a label file's lines with their numbers, without the line ends (``\n`` or ``\r\n``).

    A blank line is an error, except at the end of the file.

    Raises:
        UsageError: See `read_text`.
    """
    lines = [line.removesuffix("\r") for line in read_text(file).split("\n")]
    while not lines[-1]:
        del lines[-1]
    for number, line in enumerate(lines, start=1):
        if not line:
            errors.add(number, "blank")
    return [(number, line) for number, line in enumerate(lines, start=1) if line]


def csv_rows(file: Path, errors: LineErrors, separators: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV with the number of their first line. Quoted names may contain line breaks.

    A blank line and what is no CSV are errors. A file of JSON objects (one a line, or one after the other) is read as
    well: the names in the first object are the first row, and objects are counted as lines are.

    Args:
        file: The list.
        errors: Gets the lines that cannot be used.
        separators: The characters that may separate cells; see `separator_of`.

    Raises:
        UsageError: See `read_text`.
    """
    text = read_text(file).rstrip("\r\n")
    if text.lstrip()[:1] in ("{", "["):
        yield from _rows_of_objects(text, errors)
        return
    separator = separator_of(text.partition("\n")[0], separators)
    reader = csv.reader(io.StringIO(text), strict=True, delimiter=separator)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            else:
                errors.add(line, "blank")
            line = reader.line_num + 1
    except csv.Error as error:
        errors.add(line, f"not CSV from here on ({error})")


def separator_of(header: str, separators: str) -> str:
    """Return the character that separates the cells of a CSV: the most frequent one in its first line.

    Example:
        >>> separator_of("photo;score", ",;"), separator_of("score", ",;")
        (';', ',')
    """
    return max(separators, key=header.count)


def _rows_of_objects(text: str, errors: LineErrors) -> Iterator[tuple[int, list[str]]]:
    """Yield the names in the first of some JSON objects, then the values of each as texts."""
    decoder, header = json.JSONDecoder(), list[str]()
    at = number = 0
    while (at := _GAP.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing, too
        number += 1
        try:
            values, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            errors.add(number, f"not JSON from here on ({error})")
            return
        if not isinstance(values, dict) or (header and list(values) != header):
            errors.add(number, f"not an object with {', '.join(header)}" if header else "not an object")
            continue
        if not header:
            header = list(values)
            yield 1, header
        yield number, ["" if value is None else str(value) for value in values.values()]


def path_error(cell: str, place: str) -> str:
    """Return the reason why a path in a list is refused, whatever is on the disk; empty if it is accepted.

    Args:
        cell: The path.
        place: The folder that it must not leave, in words.

    Example:
        >>> path_error("../a.jpg", "data.root"), path_error("a/b.jpg", "data.root")
        ("is '../a.jpg': must not leave data.root", '')
    """
    if not cell:
        return "is empty"
    if "\\" in cell:
        return f"is {quoted(cell)}: write folders with /"
    if is_absolute(cell) and not Path(cell).is_absolute():
        return f"is {quoted(cell)}: a path of another system"
    if ".." in PurePosixPath(cell).parts:
        return f"is {quoted(cell)}: must not leave {place}"
    return ""


def is_absolute(cell: str) -> bool:
    """Return whether a path in a list is absolute, on this system or on another one.

    Example:
        >>> is_absolute("/a.jpg"), is_absolute("C:/a.jpg"), is_absolute("a.jpg")
        (True, True, False)
    """
    return cell.startswith("/") or re.match("[A-Za-z]:", cell) is not None


def wrong_columns(line: str, count: int) -> str | None:
    """Return the reason why a line does not have ``count`` columns separated by single spaces, or None if it does.

    Example:
        >>> wrong_columns("15 1 2", 3), wrong_columns("15 1", 3), wrong_columns("15  1 2", 3)
        (None, '2 columns instead of 3', 'the columns are not separated by single spaces')
        >>> wrong_columns("15,1,2", 3)
        'the columns are not separated by single spaces'
    """
    columns = line.split(" ")
    if len(line.split()) != len(columns) or (len(columns) == 1 and any(mark in line for mark in ",;")):
        return "the columns are not separated by single spaces"
    if len(columns) != count:
        return f"{len(columns)} column{'s' if len(columns) > 1 else ''} instead of {count}"
    return None


def quoted(text: str) -> str:
    r"""Return text from a file in a form for messages: quoted, short, and on one line.

    Example:
        >>> print(quoted("a\nb"), quoted("x" * 100))
        'a\nb' 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    return repr(text if len(text) <= 40 else text[:40] + "...")


def _refuse(file: Path, error: OSError) -> NoReturn:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        raise UsageError(f"{file}: no such file") from error
    if isinstance(error, IsADirectoryError):
        raise UsageError(f"{file}: is a folder, not a file") from error
    raise UsageError(f"{file}: cannot be read ({error.strerror})") from error


def _refuse_bad_bytes(file: Path, data: bytes) -> NoReturn:
    errors = LineErrors(file)
    for number, line in enumerate(data.split(b"\n"), start=1):
        if b"\0" in line:
            errors.add(number, "holds a NUL byte")
        try:
            line.decode()
        except UnicodeDecodeError:
            errors.add(number, "is not UTF-8 text")
    errors.raise_if_any()
    raise AssertionError(f"{file}: cannot be decoded as a whole, but each of its lines can")
