"""Atomic checkpoint files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from iqbench.errors import DiskError, diverged
from iqbench.io import atomic_write


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write each checkpoint to a temporary file, and move it into place when it is complete on the disk.

    Lightning writes in place, so a full disk would leave half a file instead of the last good one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint.

        Raises:
            Stopped: If its weights hold NaN or infinity; the previous file is intact.
            DiskError: If it cannot be written; the previous file is intact.
        """
        for name, value in checkpoint.get("state_dict", {}).items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise diverged(f"{name} holds NaN or infinity")
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as temporary, temporary.open("wb") as file:
                torch.save(checkpoint, file)
        except (OSError, RuntimeError) as error:  # torch raises a RuntimeError where the disk is full
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise DiskError(f"{target}: the checkpoint cannot be written ({reason}); the one before is kept") from error

    def load_checkpoint(
        self, path: Any, map_location: Callable[..., Any] | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the content of a checkpoint as plain data, never as code."""
        content: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        return content
