"""Progress bar on stderr."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

_shown = ContextVar("shown", default=True)


@contextmanager
def progress_bars(shown: bool) -> Iterator[None]:
    """Show or hide the progress bars of this thread."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yield the items and show a progress bar on stderr, so that stdout has only results.

    On a console that is not UTF-8, such as cmd.exe with code page 437, the bar is drawn in ASCII.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not _shown.get()) as progress:
        yield from progress.track(items, total=total, description=_encodable(description, console.encoding))


def _encodable(text: str, encoding: str) -> str:
    """Return the text with a question mark for each character that the console cannot encode."""
    return text.encode(encoding, "replace").decode(encoding)
