"""Loader processes that fail: one line with the cause and the way out."""

from unittest import mock

import pytest

from iqbench.errors import Stopped
from iqbench.training.fit import fit

TRACEBACK = "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            f"{TRACEBACK}RuntimeError: unable to write to file </torch_7_0>: No space left on device (28)",
            "shared memory (/dev/shm) is too small for the batches of the loader processes: give a container more "
            "(docker run --shm-size=8g), or use examples.workers=0. The same command resumes it",
        ),
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are "
            "out of shared memory.",
            "shared memory (/dev/shm) is too small for the batches of the loader processes: give a container more "
            "(docker run --shm-size=8g), or use examples.workers=0. The same command resumes it",
        ),
        (
            f"{TRACEBACK}KeyError: 'a bug'",
            "a loader process died (KeyError: 'a bug'); if memory is short, lower examples.workers or "
            "examples.batch_size. The same command resumes it",
        ),
    ],
)
def test_a_loader_that_fails_is_one_line(error: str, line: str) -> None:
    trainer = mock.Mock()
    trainer.fit.side_effect = RuntimeError(error)
    with pytest.raises(Stopped) as stopped:
        fit(trainer, mock.Mock(), mock.Mock(), None)
    assert str(stopped.value) == line
