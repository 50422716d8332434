"""Whether worker processes can do the work of a program, or this process must."""

import multiprocessing
import pickle
import sys
from pathlib import Path

import torch

from iqbench.inference import messages
from iqbench.inference.worker_process import start_method


def why_without_workers(device: torch.device, *work: object) -> str:
    """Return why no worker process can be given some objects, "" if workers can.

    Forked workers inherit everything. Others import the program again and get the objects pickled, which fails for
    lambdas, for classes of a notebook, and in a script that starts its work when it is imported.

    Args:
        device: The device of the model: a GPU rules out forking.
        work: The objects that the workers need.
    """
    if device.type == "cpu" and start_method() == "fork":
        return ""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file and getattr(main, "__spec__", None) is None and not _is_guarded(Path(file)):
        return f'{Path(file).name} has no line: if __name__ == "__main__"'
    try:
        pickled = bytes(messages.pack(work)[0])
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        return f"cannot be pickled: {' '.join(str(error).split())[:120]}"
    if not file and b"__main__" in pickled:
        return "a class or function is defined in this notebook or session, and not in a module"
    return ""


def is_starting_worker() -> bool:
    """Return whether this process is a worker that imports the program which started it."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def _is_guarded(script: Path) -> bool:
    try:
        return "__main__" in script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
