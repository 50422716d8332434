"""Errors that a user can cause and mend, each with the exit code that tells a script which kind it was."""

import difflib
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn


class IqbenchError(Exception):
    """One line for the user: the file or key, what is wrong with it, and what to do."""

    exit_code = 1


class UsageError(IqbenchError):
    """A wrong option, a missing folder, an impossible combination."""

    exit_code = 2


class CheckpointError(UsageError):
    """A checkpoint that cannot be used, with a plain reason."""


class Stopped(IqbenchError):  # noqa: N818 - the name says what happened
    """A model fails on photo after photo, so the run was given up; what was finished is exported."""


class TooManyFailures(IqbenchError):  # noqa: N818 - the name says what happened
    """The run finished, but more rows failed than ``max_failures`` allows."""

    exit_code = 3


class GotWorse(IqbenchError):  # noqa: N818 - the name says what happened
    """A model got worse than in the baseline."""

    exit_code = 4


class LockedError(IqbenchError):
    """Another run is writing into the same folder."""

    exit_code = 5


class NotWhole(IqbenchError):  # noqa: N818 - the name says what happened
    """Stored or exported results are not what was planned."""

    exit_code = 6


class DiskError(IqbenchError):
    """The disk is full, read-only or failing; what was written before is intact."""

    exit_code = 74


@contextmanager
def last_word(program: str) -> Iterator[None]:
    """End the program with one line and its exit code if the user's mistake comes this far."""
    try:
        with naming_the_disk():
            yield
    except IqbenchError as error:
        stop(program, error, error.exit_code)


def stop(program: str, message: object, exit_code: int) -> NoReturn:
    """End the program with one line."""
    print(f"{program}: {message}", file=sys.stderr)  # noqa: T201 - the program's last word
    sys.exit(exit_code)


_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_CANNOT_USE = (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


@contextmanager
def naming_the_disk() -> Iterator[None]:
    """Turn an error of a disk that is full or fails, or of a place that may not be used, into one line.

    Raises:
        DiskError: With what a user can do.
        OSError: As it came, if it is none of these but a bug.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE + _CANNOT_USE:
            raise
        where, reason = error.filename or "the disk", os.strerror(error.errno)
        if error.errno in _CANNOT_WRITE:
            what_to_do = f"cannot be written ({reason}); free some space, or choose another folder"
        else:
            what_to_do = f"cannot be used ({reason}); if results were to go there, choose another folder"
        raise DiskError(f"{where}: {what_to_do}") from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known word, or nothing.

    Example:
        >>> did_you_mean("siamse", ["siamese", "ava"])
        " Did you mean 'siamese'?"
        >>> did_you_mean("zzz", ["siamese", "ava"])
        ''
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
