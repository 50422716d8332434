"""What a model or a degradation raises: the failure of one row, or the end of the run."""

import errno
from typing import NamedTuple, Self

import torch

from iqbench.errors import DiskError, MissingResource, Stopped, UsageError, described, one_line, raise_if_terminated

DEVICE_FAULT: type[Exception] | tuple[()] = getattr(torch, "AcceleratorError", ())
"""The error of a device that answers no more until the program is started again."""

NOT_APPLICABLE = "not_applicable"
"""The status of a pair whose degraded copy cannot be made of that photo; see `iqbench.interfaces.NotApplicable`."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class BrokenPromise(Exception):  # noqa: N818 - named after what happened
    """A function of a model gave something else than `iqbench.interfaces.QualityModel` promises."""


class Failure(NamedTuple):
    """The reason why a picture or a pair has no answer: a status for the results, and the error in one line."""

    status: str
    error: str

    @classmethod
    def of(cls, status: str, error: BaseException) -> Self:
        """Return the failure that an error of a model or a degradation is.

        Raises:
            BaseException: If the error ends the run; see `raise_if_fatal`.
        """
        raise_if_fatal(error)
        return cls(status, str(error) if isinstance(error, BrokenPromise) else described(error))


def raise_if_fatal(error: BaseException) -> None:
    """Return if an error of a model or a degradation costs one row, whatever its class; else end the run.

    Raises:
        KeyboardInterrupt, MemoryError: As they are.
        OSError: If the disk is full or read-only.
        SystemExit: If SIGTERM raised it.
        MissingResource, Stopped, DiskError: As they are; a model raises them for this picture and all others.
        Stopped: If the code calls ``sys.exit``, or the device is lost.
        UsageError: If an import is missing.
    """
    if isinstance(error, KeyboardInterrupt | MemoryError | MissingResource | Stopped | DiskError):
        raise error
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        raise error
    if isinstance(error, SystemExit):
        raise_if_terminated(error)
        raise Stopped(f"stopped: the model or a degradation calls sys.exit({error.code})") from error
    if isinstance(error, DEVICE_FAULT):
        raise Stopped(f"stopped: the device failed ({one_line(error)}); run the same command to resume") from error
    if isinstance(error, ImportError):
        raise UsageError(f"the model or a degradation cannot import what it needs: {one_line(error)}") from error
