"""The command line, called inside the test's own process."""

import contextlib
import importlib
import io
import sys
from dataclasses import dataclass
from unittest import mock

TINY = ("model.backbone=tiny", "model.weights=none")


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.strip().splitlines()[-1]


def run(program: str, *arguments: object) -> Outcome:
    """Run ``python -m iqbench.<program>`` with the arguments, and return how it ended."""
    main = importlib.import_module(f"iqbench.{program}").main
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    argv = [f"iqbench.{program}", *map(str, arguments)]
    with mock.patch.object(sys, "argv", argv), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    return Outcome(int(code or 0), out.getvalue(), err.getvalue())
