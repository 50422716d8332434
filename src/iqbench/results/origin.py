"""The origin of a run: when it was started, by which command, and in which folder."""

import os
from datetime import UTC, datetime
from typing import Self

from iqbench.records import Record


class Origin(Record):
    """The origin of a run. No result depends on it, and only report.html shows it.

    Args:
        started: The time in UTC, as ISO 8601; "" if it is not known.
        command: The command that repeats the run in a new folder of results; "" for a run from Python.
        folder: The folder that its relative paths refer to.
    """

    started: str = ""
    command: str = ""
    folder: str = ""

    @classmethod
    def now(cls, command: str = "", folder: str = "") -> Self:
        """Return the origin of a run that starts now.

        Where ``SOURCE_DATE_EPOCH`` is set (https://reproducible-builds.org), it is the time, so that a run that is
        repeated has the same bytes.
        """
        fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
        time = datetime.fromtimestamp(int(fixed), UTC) if fixed.isdigit() else datetime.now(UTC)
        return cls(started=time.isoformat(timespec="seconds"), command=command, folder=folder)
