"""Which errors of other people's code cost a row, and which end the run."""

import pytest
import torch

from iqbench.errors import Stopped, UsageError, one_line
from iqbench.inference.failures import Failure


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("a bug"),
        OSError(5, "Input/output error"),
        PermissionError(13, "Permission denied"),
        torch.OutOfMemoryError("out of memory"),
        GeneratorExit(),
        StopAsyncIteration(),
        UserWarning("dark"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_costs_a_row_and_is_named(error: BaseException) -> None:
    assert Failure.of("model_error", error) == ("model_error", one_line(error))


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
        (OSError(28, "No space left on device"), OSError),
        (OSError(30, "Read-only file system"), OSError),
        (ModuleNotFoundError("No module named 'lens'"), UsageError),
        (SystemExit(0), Stopped),
        (SystemExit(143), SystemExit),  # of the handler of SIGTERM
    ],
    ids=str,
)
def test_what_no_other_picture_can_mend_ends_the_run(error: BaseException, ends: type[BaseException]) -> None:
    with pytest.raises(ends):
        Failure.of("model_error", error)


def test_the_line_of_an_error_is_short_printable_and_never_fails() -> None:
    class NoTextError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert one_line(NoTextError()) == "NoTextError: its message cannot be shown"
    assert one_line(ValueError("a\n\tb\x1b \udce9")) == "ValueError: a b? ?"
    assert len(one_line(ValueError("x" * 10**7))) == 200
    assert one_line(KeyError()) == "KeyError"
