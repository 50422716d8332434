"""The exit code tells how the work went, whatever becomes of its output."""

import io
import os
import subprocess
import sys

import pytest

from iqbench.terminal import substitute_unencodable

PROGRAM = """
import logging, sys
from iqbench.terminal import tolerate_lost_output
tolerate_lost_output()
tolerate_lost_output()
logging.basicConfig(level=logging.INFO)
for number in range(3000):
    print("67.6\\u201389.4 \\u6a21 \\udce9", number)
    logging.info("\\xe9\\u6a21 %d", number)
sys.exit(3)
"""


def ends(redirect: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = f'"{sys.executable}" -c "$PROGRAM" {redirect}'
    variables = {**os.environ, "PROGRAM": PROGRAM, "PYTHONUNBUFFERED": "", **environment}
    return subprocess.run(["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], env=variables, capture_output=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")  # noqa: PTH110
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("redirect", [">/dev/full", "2>/dev/full", ">&-", "2>&-", ">&- 2>&- <&-", "| head -1"])
def test_output_that_is_lost_changes_no_exit_code(redirect: str, unbuffered: str) -> None:
    ended = ends(redirect, PYTHONUNBUFFERED=unbuffered)
    assert ended.returncode == 3
    assert b"Traceback" not in ended.stderr
    assert b"Exception ignored" not in ended.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "ascii:strict", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding_changes_no_exit_code(encoding: str) -> None:
    ended = ends("", PYTHONIOENCODING=encoding)
    assert (ended.returncode, len(ended.stdout.splitlines())) == (3, 3000)
    assert b"Traceback" not in ended.stderr


def test_a_terminal_in_the_c_locale_changes_no_exit_code() -> None:
    ended = ends("", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (3, b"67.6-89.4 ? ? 0")


def test_a_stream_that_is_no_file_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    substitute_unencodable(stream)
    stream.write("模")
    assert stream.getvalue() == "模"
