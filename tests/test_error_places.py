"""An error of the user's code names the last line of that code, whatever library it was raised in."""

import sys
from pathlib import Path

import pytest

from iqbench.errors import UsageError, described
from iqbench.target import located


def raised(code: str, folder: Path) -> Exception:
    """Return the error of a file of the user's."""
    file = folder / "mine.py"
    file.write_text(code)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        exec(compile(code, str(file), "exec"), {})
    return caught.value


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("def score(photo):\n    return 1 / 0\nscore(None)", "ZeroDivisionError: division by zero in mine.py, line 2"),
        ("import numpy\n\nnumpy.zeros((2, 3)).reshape(4, 5)", "mine.py, line 3"),
        ("import json\njson.loads('{')", "mine.py, line 2"),  # raised in the standard library
        ("from iqbench.parsing import number\nnumber", "mine.py, line 1"),
    ],
)
def test_the_last_line_of_the_user_s_code_is_named(code: str, text: str, tmp_path: Path) -> None:
    assert described(raised(code, tmp_path)).endswith(text)


def test_a_module_that_fails_when_it_is_imported_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_broken_module.py").write_text("import math\n\nLIMIT = math.sqrt(undefined)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UsageError, match=r"NameError: name 'undefined' is not defined in my_broken_module\.py, line 3\)"
    ):
        located("my_broken_module:score", "model")
    assert "my_broken_module" not in sys.modules
