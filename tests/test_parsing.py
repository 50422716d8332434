import os
from pathlib import Path

import pytest

from fixtures.systems import needs_pipes
from iqbench.errors import UsageError
from iqbench.parsing import LineErrors, numbered_lines, quoted, read_text, wrong_columns


def written(folder: Path, content: bytes) -> Path:
    file = folder / "list.txt"
    file.write_bytes(content)
    return file


def lines_of(folder: Path, content: bytes) -> list[tuple[int, str]]:
    file = written(folder, content)
    errors = LineErrors(file)
    lines = numbered_lines(file, errors)
    errors.raise_if_any()
    return lines


def message_of(folder: Path, content: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        lines_of(folder, content)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder / 'list.txt'}: ")


@pytest.mark.parametrize(
    "content",
    [
        b"a 1\nb 2\n",
        b"a 1\nb 2",
        b"a 1\r\nb 2\r\n",
        b"a 1\r\nb 2",
        b"\xef\xbb\xbfa 1\nb 2\n",
        b"\xef\xbb\xbfa 1\r\nb 2",
        b"a 1\nb 2\n\n\n",
        b"a 1\rb 2\r",
    ],
)
def test_line_ends_of_all_kinds_a_mark_at_the_start_and_no_end_at_the_end_are_the_same(
    tmp_path: Path, content: bytes
) -> None:
    assert lines_of(tmp_path, content) == [(1, "a 1"), (2, "b 2")]


def test_only_line_ends_divide_lines(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "a\u2028b\x0bc\x85d\re\n".encode()) == [(1, "a\u2028b\x0bc\x85d\re")]


def test_blank_lines_are_refused_but_not_at_the_end(tmp_path: Path) -> None:
    assert message_of(tmp_path, b"\na\n\r\n\nb\n\n") == "3 lines are wrong: line 1: blank; line 3: blank; line 4: blank"


def test_bytes_that_are_no_text_are_refused_with_their_lines(tmp_path: Path) -> None:
    message = message_of(tmp_path, b"a\ncaf\xe9\nb\0c\nd\n\xff\0")
    assert message == (
        "3 lines are wrong: line 2: is not UTF-8 text; line 3: holds a NUL byte; "
        "line 5: holds a NUL byte, is not UTF-8 text"
    )


def test_a_nul_byte_is_refused_in_text_that_is_otherwise_right(tmp_path: Path) -> None:
    assert message_of(tmp_path, b"a\nb\0\n") == "1 line is wrong: line 2: holds a NUL byte"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n", b"  \n"])
def test_an_empty_file_is_named_so(tmp_path: Path, content: bytes) -> None:
    assert message_of(tmp_path, content) == "the file is empty"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><title>Not found</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git-lfs pointer"),
        ("a 1\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"\x1f\x8b\x08 and so on", "gzip archive"),
    ],
)
def test_the_result_of_a_failed_download_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in message_of(tmp_path, content)


def test_a_file_that_cannot_be_opened_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message(path: Path) -> str:
        with pytest.raises(UsageError) as caught:
            read_text(path)
        return str(caught.value).removeprefix(f"{path}: ")

    file = written(tmp_path, b"a")
    assert message(tmp_path / "none.txt") == message(file / "below.txt") == "no such file"
    assert message(tmp_path) == "is a folder, not a file"

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert message(file) == "cannot be read (Permission denied)"


def test_the_first_twenty_wrong_lines_are_shown_in_order_and_the_others_counted() -> None:
    errors = LineErrors(Path("list.txt"))
    for line in range(1037, 1000, -1):
        errors.add(line, f"reason {line}")
    with pytest.raises(UsageError) as caught:
        errors.raise_if_any()
    reasons = "; ".join(f"line {line}: reason {line}" for line in range(1001, 1021))
    assert str(caught.value) == f"list.txt: 37 lines are wrong: {reasons}; and 17 more"


@pytest.mark.parametrize(("count", "end"), [(1, "reason 1"), (20, "reason 20"), (21, "and 1 more")])
def test_twenty_wrong_lines_are_listed(count: int, end: str) -> None:
    errors = LineErrors(Path("list.txt"))
    for line in range(1, count + 1):
        errors.add(line, f"reason {line}")
    with pytest.raises(UsageError, match=f"{end}$"):
        errors.raise_if_any()


def test_several_reasons_of_one_line_are_one_wrong_line() -> None:
    errors = LineErrors(Path("list.txt"))
    errors.add(3, "one")
    errors.add(3, "two")
    with pytest.raises(UsageError, match=r"^list.txt: 1 line is wrong: line 3: one, two$"):
        errors.raise_if_any()


@pytest.mark.parametrize("line", ["1  2 3", " 1 2 3", "1 2 3 ", "1\t2\t3", "1 2\t3", "1,2,3", "1;2;3", "1 2\u00a03"])
def test_columns_are_separated_by_single_spaces(line: str) -> None:
    assert wrong_columns(line, 3) == "the columns are not separated by single spaces"


def test_columns_are_counted() -> None:
    assert wrong_columns("1 2 3", 3) is None
    assert wrong_columns("1 2 3 4", 3) == "4 columns instead of 3"
    assert wrong_columns("1", 3) == "1 column instead of 3"


def test_quoted_text_is_short_and_on_one_line() -> None:
    assert "\n" not in quoted("a\nb\r\x1b[31m")
    assert "\x1b" not in quoted("a\nb\r\x1b[31m")
    assert len(quoted("x" * 100_000)) < 50


@needs_pipes
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.txt")
    with pytest.raises(UsageError, match=r"list\.txt: is a pipe or a device"):
        read_text(tmp_path / "list.txt")
