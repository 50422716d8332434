"""What a look at a photo can do to the process that looks; in a module that other processes can import."""

import os
import signal
from pathlib import Path

from iqbench.datasets.decode_check import Finding, look


def look_or_die(path: Path) -> Finding:
    """Die of each photo whose name begins with ``deadly``, and of ``once`` the first time."""
    if path.name.startswith("once") and not path.with_suffix(".seen").exists():
        path.with_suffix(".seen").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if path.name.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return look(path)


def look_or_hang(path: Path) -> Finding:
    """Wait for ever at each photo whose name begins with ``endless``."""
    if path.name.startswith("endless"):
        signal.pause()
    return look(path)


def look_or_fail(path: Path) -> Finding:
    """Fail as on a broken disk at each photo whose name begins with ``bad disk``."""
    if path.name.startswith("bad disk"):
        raise OSError(5, "Input/output error")
    return look(path)


def process_of(path: Path) -> Finding:
    """Tell which process looked."""
    return Finding(None, None, None, None, "ok", str(os.getpid()))
