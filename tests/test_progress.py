import io
import sys

import pytest

from iqbench.progress import track


def bar_on(encoding: str, monkeypatch: pytest.MonkeyPatch, description: str = "decoding photos") -> str:
    """Return the output of a bar over three items on a terminal with the given encoding."""
    stderr = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(track("abc", description, total=3)) == ["a", "b", "c"]
    stderr.flush()
    return stderr.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "utf-8"])
def test_a_bar_is_drawn_in_the_encoding_of_the_console(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = bar_on(encoding, monkeypatch)
    assert "decoding photos" in output
    assert "3/3" in output
    assert ("━" in output) is (encoding == "utf-8")


def test_characters_that_the_console_does_not_have_become_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "d?coding [red]" in bar_on("ascii", monkeypatch, "décoding [red]")
    assert "décoding [red]" in bar_on("utf-8", monkeypatch, "décoding [red]")


def test_results_on_stdout_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    list(track("abc", "decoding photos", total=3))
    assert capsys.readouterr().out == ""
