"""Run a Lightning fit, and turn its failures into errors that a user can act on."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning import LightningDataModule, LightningModule, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException

from iqbench.errors import IqbenchError, Stopped, UsageError

log = logging.getLogger(__name__)

CAN_RESUME = "the same command resumes it"


def fit(trainer: Trainer, model: LightningModule, datamodule: LightningDataModule, resume_from: Path | None) -> None:
    """Train until the end, or exit with the code of the signal that stops the training.

    Raises:
        IqbenchError: If a photo or the disk fails, or a setting of the trainer or a callback is wrong.
        KeyboardInterrupt: If the user interrupts the training.
    """
    try:
        with _default_sigterm(), _readable_errors():
            trainer.fit(model, datamodule, ckpt_path=resume_from, weights_only=True)
    except SIGTERMException:
        log.info("the training was stopped; %s", CAN_RESUME)
        sys.exit(143)
    except SystemExit as stop:
        if trainer.interrupted:
            raise KeyboardInterrupt from stop
        raise


@contextmanager
def _default_sigterm() -> Iterator[None]:
    """Leave SIGTERM to Lightning, which finishes the batch, saves a checkpoint and stops."""
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except MisconfigurationException as error:  # such as a monitor that is never logged
        raise UsageError(f"trainer or callbacks: {' '.join(str(error).split())[:400]}") from error
    except ValueError as error:  # Lightning knows the number of batches only now
        if "val_check_interval" not in str(error):
            raise
        raise UsageError(f"trainer: {' '.join(str(error).split())[:300]}") from error
    except IqbenchError as error:  # a loader process puts its traceback before the message
        message = str(error).strip().splitlines()[-1]
        raise type(error)(message.removeprefix(f"iqbench.errors.{type(error).__name__}: ")) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise Stopped(f"{_loader_failure(str(error))}. {CAN_RESUME.capitalize()}") from error


def _loader_failure(text: str) -> str:
    """Return why a loader process failed, and the way out. Loaders send their batches through shared memory."""
    if any(sign in text for sign in ("No space left on device", "Bus error", "shared memory")):
        return (
            "shared memory (/dev/shm) is too small for the batches of the loader processes: give a container more "
            "(docker run --shm-size=8g), or use examples.workers=0"
        )
    reason = " ".join(text.strip().splitlines()[-1].split())[:200]  # a traceback may come before it
    return f"a loader process died ({reason}); if memory is short, lower examples.workers or examples.batch_size"


def silence_lightning() -> None:
    """Hide messages of Lightning that a user cannot act on."""
    if os.environ.get("LOCAL_RANK", "0") != "0":  # the first process logs for all
        logging.getLogger().setLevel(logging.ERROR)
    threading.excepthook = _ignore_disk_errors
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch").handlers.clear()
    warnings.filterwarnings("ignore", message=".*LeafSpec")  # a deprecated call of torch inside Lightning
    warnings.filterwarnings("ignore", message="The number of training batches")  # the epoch end is always logged
    warnings.filterwarnings("ignore", message=".*could not find the monitored key")  # said of the kept checkpoint
    warnings.filterwarnings("ignore", message="The dirpath has changed")  # ckpt_path= of another run
    warnings.filterwarnings("ignore", message="Found .* module.* in eval mode")  # a frozen backbone
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # a resumed run
    warnings.filterwarnings("ignore", message="Experiment logs directory .* exists")  # the same, of CSVLogger


def _ignore_disk_errors(failure: threading.ExceptHookArgs) -> None:
    """Ignore a full disk in the writer thread of TensorBoard: the main thread raises the same error."""
    if not issubclass(failure.exc_type, OSError):
        threading.__excepthook__(failure)
