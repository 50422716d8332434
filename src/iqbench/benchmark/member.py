"""A job of a sweep that is done side by side with others, step by step, each in surroundings of its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from iqbench.benchmark.scoring import Work
from iqbench.inference.process_state import restore_surroundings, surroundings


class Member:
    """A job that is done together with others.

    Args:
        steps: The job: an iterator over its work, which ends with the job. It raises only what ends the program.
    """

    def __init__(self, steps: Iterator[Work]) -> None:
        self._steps = steps
        self.work: Work | None = None
        """The work that is next, None if the job has ended."""
        self.surroundings = surroundings()
        """Settings and random numbers of the process as its model left them."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let the job's code run in surroundings of its own."""
        outside = surroundings()
        restore_surroundings(self.surroundings)
        try:
            yield
        finally:
            self.surroundings = surroundings()
            restore_surroundings(outside)

    def advance(self) -> None:
        """Let the job do alone what is left of its work, up to the next one."""
        self.work = None
        self.work = next(self._steps, None)

    def close(self) -> None:
        """End the job at once, without exports."""
        steps: Any = self._steps  # a generator
        self.work = None
        steps.close()

    def fail(self, error: BaseException) -> None:
        """End the job by an error, which it records."""
        steps: Any = self._steps  # a generator
        self.work = None
        with suppress(StopIteration):
            self.work = steps.throw(error)
