"""Output on terminals that cannot show every character."""

import io
import os
import re
import subprocess
import sys

import pytest

from iqbench.reporting.console import wide_console
from iqbench.terminal import substitute_unencodable

TABLE = """
from fixtures.verdict_tables import summary_of
from iqbench.reporting.table import print_table
print_table(summary_of({"模型": {"blur": 0.9}}, photos=6, baselines=[("random", 0.5)]))
"""


def run(*arguments, encoding, **options):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, timeout=100, **options)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_a_table_is_printed_whatever_the_terminal_can_show(encoding):
    process = run("-c", TABLE, encoding=encoding)
    assert process.returncode == 0, process.stderr.decode()
    lines = process.stdout.decode(encoding).replace("|", " ").splitlines()
    assert ["??", "100.0", "100.0", "100.0"] in [line.split() for line in lines], lines
    assert re.search(r"\d\d\.\d-100\.0", process.stdout.decode(encoding))
    assert any(line.startswith("?? contradicts itself") for line in lines)


@pytest.mark.slow
def test_an_error_keeps_its_exit_code_whatever_the_terminal_can_show(tmp_path):
    process = run("-m", "iqbench.report", tmp_path / "模–型", encoding="ascii")
    assert process.returncode == 2
    (line,) = process.stderr.decode("ascii").splitlines()
    assert "no such folder" in line


def test_a_verification_keeps_its_exit_code_whatever_the_terminal_can_show(tmp_path):
    process = run("-m", "iqbench.verify", tmp_path / "模–型", encoding="ascii")
    assert process.returncode == 2
    assert b"Traceback" not in process.stderr


def test_a_character_that_has_a_similar_one_in_ascii_becomes_that():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp437", newline="\n")
    substitute_unencodable(stream)
    print("67.6–89.4 ≤ ü 模", file=stream, flush=True)
    assert stream.buffer.getvalue().decode("cp437") == "67.6-89.4 ≤ ü ?\n"


def test_an_error_handler_of_the_users_choice_stays():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    substitute_unencodable(stream)
    assert stream.errors == "backslashreplace"


def test_only_a_pipe_is_widened(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert wide_console(100).width == 100
    monkeypatch.setattr(sys, "stdout", type("Terminal", (io.StringIO,), {"isatty": lambda _: True})())
    monkeypatch.setenv("TERM", "xterm")
    assert wide_console(100).width == 40
