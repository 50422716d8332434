"""The frame of a call from Python: its folder, and what it gives back as it found it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from iqbench.api.models import NamedModel
from iqbench.errors import DiskError, UsageError
from iqbench.outputs import MARK


def prepare_folder(folder: Path, photos: Any) -> None:
    """Create the folder of the results, and mark it: no file in it is ever taken for a photo.

    Raises:
        UsageError: If it is the photos' own folder.
    """
    if isinstance(photos, str | Path) and Path(photos).expanduser().resolve() == folder.resolve():
        raise UsageError(f"out={folder}: is the photos' own folder; choose one in it or beside it")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


@contextmanager
def results_folder(out: str | Path | None) -> Iterator[Path]:
    """Yield the folder of the results; a temporary one, which is removed, where none was given."""
    if out is not None:
        yield Path(out).expanduser()
        return
    try:
        folder = Path(tempfile.mkdtemp(prefix="iqbench-"))
    except OSError as error:
        raise DiskError(f"no temporary folder ({error.strerror}); give out=FOLDER") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def random_state() -> Iterator[None]:
    """Give the program its random numbers back: a run seeds torch's generators."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        yield


@contextmanager
def given_back(given: NamedModel) -> Iterator[None]:
    """Give a network back as it came: on its device, with each of its modules in its mode."""
    network: Any = given.model
    if not isinstance(network, nn.Module) or len(given.settings) > 1:
        yield
        return
    modes = {module: module.training for module in network.modules()}
    tensor = next(chain(network.parameters(), network.buffers()), None)
    device = None if tensor is None else tensor.device
    try:
        yield
    finally:
        if device is not None:
            network.to(device)
        for module, mode in modes.items():
            module.training = mode
