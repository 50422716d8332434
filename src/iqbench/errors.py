"""Errors that a user can fix, each with an exit code of its own for scripts."""

import difflib
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sysconfig import get_paths
from traceback import walk_tb
from typing import NoReturn

from iqbench.terminal import tolerate_lost_output

_OTHERS = (Path(__file__).parent, Path(get_paths()["stdlib"]))
"""Folders of code that is not the user's."""


class IqbenchError(Exception):
    """Base of the errors that end a program with one line: the file or key, the fault, and the remedy."""

    exit_code = 1


class UsageError(IqbenchError):
    """A wrong option, a missing folder, or an impossible combination."""

    exit_code = 2


class MissingResource(UsageError):  # noqa: N818 - named after what is missing
    """A file, a package or a service that a model or a degradation needs and that is not here.

    The line names it, and says how to supply it, also without a network.
    """


class CheckpointError(UsageError):
    """A checkpoint that cannot be used."""


class Stopped(IqbenchError):  # noqa: N818 - named after the event
    """A run or training that was given up; finished results and earlier checkpoints are kept."""


class TooManyFailures(IqbenchError):  # noqa: N818 - named after the event
    """The run finished, but more rows failed than ``max_failures`` allows."""

    exit_code = 3


class GotWorse(IqbenchError):  # noqa: N818 - named after the event
    """A model got worse than in the reference run."""

    exit_code = 4


class LockedError(IqbenchError):
    """Another run is writing into the same folder."""

    exit_code = 5


class IncompleteResults(IqbenchError):  # noqa: N818 - named after the event
    """Stored or exported results differ from the plan."""

    exit_code = 6


class Undecided(IqbenchError):  # noqa: N818 - named after the event
    """No model is shown to be worse, but a fall of the size asked for cannot be excluded with so few photos."""

    exit_code = 7


class DiskError(IqbenchError):
    """The disk is full, read-only or failing; earlier files are intact."""

    exit_code = 74


def diverged(reason: str) -> Stopped:
    """Return the error that ends a training whose loss or weights are NaN or infinite.

    Args:
        reason: The value that is not finite, such as ``the loss of step 3 is nan``.
    """
    return Stopped(
        f"the training diverged: {reason}. Earlier checkpoints are kept; "
        "lower model.optimizer.lr and backbone_lr, and choose another out="
    )


@contextmanager
def exit_on_error(program: str) -> Iterator[None]:
    """End the program with one line and an exit code if an `IqbenchError` reaches this block."""
    tolerate_lost_output()
    try:
        with as_disk_error():
            yield
    except IqbenchError as error:
        stop(program, error, error.exit_code)


def stop(program: str, message: object, exit_code: int) -> NoReturn:
    """Print one line to stderr and exit."""
    print(f"{program}: {message}", file=sys.stderr)  # noqa: T201 - no log handler is needed here
    sys.exit(exit_code)


_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_CANNOT_USE: tuple[int, ...] = (
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
)
_CANNOT_USE += (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)


@contextmanager
def as_disk_error() -> Iterator[None]:
    """Turn the `OSError` of a full or failing disk, or of a forbidden path, into a `DiskError`.

    Raises:
        DiskError: With the path, the reason and the remedy.
        OSError: Unchanged, if its cause is something else, such as a missing file.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE + _CANNOT_USE:
            raise
        path, reason = error.filename or "the disk", os.strerror(error.errno)
        if error.errno in _CANNOT_WRITE:
            message = f"{path}: cannot be written ({reason}); free some space, or choose another folder"
        else:
            message = f"{path}: cannot be used ({reason}); if it is the output folder, choose another one"
        raise DiskError(message) from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the hint `` Did you mean 'x'?`` with the nearest known word, or an empty string.

    Example:
        >>> did_you_mean("siamse", ["siamese", "ava"])
        " Did you mean 'siamese'?"
        >>> did_you_mean("zzz", ["siamese", "ava"])
        ''
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


MAX_MESSAGE = 10_000
"""Characters of an exception's message that are looked at."""

SIGTERM_CODE = 143
"""The exit code of the handler of SIGTERM, which may interrupt other people's code."""

_TORCHSCRIPT = "The following operation failed in the TorchScript interpreter."
"""Begin of a message whose last line tells what happened; the others are a traceback of generated code."""


def raise_if_terminated(end: SystemExit) -> None:
    """Return if other people's code has called ``sys.exit``.

    Raises:
        SystemExit: If it is SIGTERM that ends the program.
    """
    if end.code == SIGTERM_CODE:
        raise end


def described(error: BaseException) -> str:
    """Return an exception as one line, with the line of the user's own code that it came from, if it came from there.

    Example:
        >>> described(ValueError("too dark"))
        'ValueError: too dark'
    """
    places = [
        f" in {Path(frame.f_code.co_filename).name}, line {line}"
        for frame, line in walk_tb(error.__traceback__)
        if _is_users(frame.f_code.co_filename)
    ]
    return one_line(error) + "".join(places[-1:])


def _is_users(file: str) -> bool:
    """Return whether code in a file is neither iqbench's, Python's nor an installed package's."""
    path = Path(file)
    is_installed = {"site-packages", "dist-packages"}.intersection(path.parts)
    return not (file.startswith("<") or is_installed or any(map(path.is_relative_to, _OTHERS)))


def one_line(error: BaseException) -> str:
    """Return an exception as one line of at most 200 printable characters.

    Example:
        >>> one_line(ValueError("a  b"))
        'ValueError: a b'
        >>> one_line(StopIteration())
        'StopIteration'
    """
    try:
        text = str(error)[:MAX_MESSAGE]  # a message may hold a whole file
        if text.startswith(_TORCHSCRIPT):
            text = text.rstrip().rpartition("\n")[2]
    except Exception:  # noqa: BLE001 - raised by the error's own __str__
        text = "its message cannot be shown"
    line = " ".join(f"{type(error).__name__}: {text}".split())[:200].removesuffix(":")
    return "".join(character if character.isprintable() else "?" for character in line)
