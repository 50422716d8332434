"""The checkpoint from which a stopped training resumes."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from iqbench.errors import CheckpointError
from iqbench.models.checkpoint import read_weights
from iqbench.paths import checkpoint

log = logging.getLogger(__name__)

RECIPE = ("model", "data", "examples", "self_supervision", "degradation", "seed")
"""The parts of the config that decide the result of a training: a resumed one must share them."""

FREE = ("examples.workers", "model.checkpoint", "data.cache", "data.cluster")
"""Keys in these parts that may differ, since they do not change the result."""

PATHS = ("data.root", "data.file", "data.images")
"""Keys that may differ where the checkpoint knows the contents of its data set, which are then compared."""


@dataclass(frozen=True)
class Resumed:
    """The checkpoint from which a training goes on, and the setting that names it: ``out`` or ``ckpt_path``."""

    path: Path
    key: Literal["out", "ckpt_path"]
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def recipe(config: DictConfig) -> dict[str, Any]:
    """Return the parts of the config that decide the result of a training, as JSON."""
    values: Any = OmegaConf.to_container(config, resolve=True)
    return {key: values[key] for key in RECIPE}


def checkpoint_to_resume(config: DictConfig, folder: Path) -> Resumed | None:
    """Return the checkpoint of ``ckpt_path``, or the last one of a stopped training in ``folder``.

    Raises:
        CheckpointError: If it cannot be used, or the training in the folder had another recipe.
    """
    if config.ckpt_path is not None:
        path = Path(checkpoint(config.ckpt_path, "ckpt_path"))
        read_weights(path, key="ckpt_path")
        return Resumed(path, "ckpt_path", str(config.ckpt_path))
    last = folder / "checkpoints" / "last.ckpt"
    if not last.is_file():
        return None
    weights = read_weights(last, key="out")
    before, now = _flat(weights.recipe), _flat(recipe(config))
    free = FREE + PATHS if weights.data else FREE
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key) and key not in free:
            raise CheckpointError(
                f"out={folder}: was trained with {key}={before.get(key)}, not {now.get(key)}; "
                "give the same value to resume, or choose another out="
            )
    log.info("resuming from %s", last)
    return Resumed(last, "out", str(folder))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
