"""Weights in and out of files: plain data, read strictly, never code."""

import hashlib
import json
import math
import pickle
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from iqbench.errors import CheckpointError

REFERENCE_DIR = Path(__file__).parent.parent / "weights"
"""The packaged reference weights; see MODEL_CARD.md there."""


_DAMAGED: tuple[type[Exception], ...] = (safetensors.SafetensorError, RuntimeError, EOFError, ValueError)
_DAMAGED += (zipfile.BadZipFile, zlib.error, struct.error)

BACKBONE = "backbone."
"""How the names of a backbone's tensors begin."""


@dataclass(frozen=True)
class Weights:
    """What a checkpoint holds: tensors by name, the family and architecture they fit, and their schooling."""

    state: dict[str, Tensor]
    family: str
    architecture: dict[str, Any]
    trained_on: dict[str, Any]
    recipe: dict[str, Any] = field(default_factory=dict)
    """The config that it was trained by, empty for an exported head."""


def load_weights(
    model: nn.Module, checkpoint: str, family: str, architecture: dict[str, Any], backbone_weights: str
) -> dict[str, Any]:
    """Load weights into ``model`` and return what they were trained on.

    Args:
        model: The model, of that family and architecture.
        checkpoint: ``untrained``: leave it as it is. ``reference``: the packaged weights. Otherwise
            a file: a Lightning checkpoint of iqbench, or an exported ``.safetensors``.
        family: ``siamese`` or ``ava``.
        architecture: The hyperparameters that the weights must have been trained with.
        backbone_weights: Where the model's backbone has its weights from; only ``packaged`` ones can
            complete a file that holds a head alone.

    Raises:
        CheckpointError: If the file cannot be used, with the reason.
    """
    if checkpoint == "untrained":
        return {}
    path = REFERENCE_DIR / f"{family}.safetensors" if checkpoint == "reference" else Path(str(checkpoint)).expanduser()
    weights = read_weights(path)
    _check_fit(path, checkpoint, weights, family, architecture)
    expected = model.state_dict()
    state = {**_packaged_part(path, weights, expected, backbone_weights), **weights.state}
    for name in sorted(set(state) ^ set(expected)):
        raise CheckpointError(f"{path}: tensor {name} is {'missing' if name in expected else 'unknown'}")
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise CheckpointError(f"{path}: tensor {name} is {_sides(value)}, the model's is {_sides(expected[name])}")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinity; the training diverged")
    model.load_state_dict(state)
    return weights.trained_on


def read_weights(path: Path, key: str = "model.checkpoint") -> Weights:
    """Return what a checkpoint file holds, as plain data.

    Args:
        path: A .ckpt or .safetensors file.
        key: The setting that named it, for messages.

    Raises:
        CheckpointError: If it is missing, damaged, or no checkpoint of iqbench.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):  # a Path has lost one slash of "https://"
        raise CheckpointError(f"{key}={path}: a URL; download the file and give its path")
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is no file" if path.exists() else "no such file"
            raise CheckpointError(f"{key}={path}: {kind}; give a .ckpt or .safetensors file")
        _check_first_bytes(path)
        return _read_safetensors(path) if path.suffix == ".safetensors" else _read_lightning(path)
    except OSError as error:
        raise CheckpointError(
            f"{key}={path}: cannot be read ({error.strerror or error}); may this user read it?"
        ) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: holds code or objects, not only weights; nothing of it was run") from error
    except _DAMAGED as error:
        raise CheckpointError(f"{path}: damaged or not a checkpoint; give a checkpoint that iqbench wrote") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path}: weights of another program; give a checkpoint that iqbench wrote") from error


def export_head(path: Path, weights: Weights) -> None:
    """Write the weights without the backbone's as safetensors: small enough to keep in a repository."""
    state = {
        name: value.detach().cpu().contiguous()
        for name, value in weights.state.items()
        if not name.startswith(BACKBONE)
    }
    card = {"family": weights.family, "architecture": weights.architecture, "trained_on": weights.trained_on}
    card["sha256"] = _sha256(state, card)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(safetensors.torch.save(state, {"iqbench": json.dumps(card, sort_keys=True)}))
    temporary.replace(path)


def _read_lightning(path: Path) -> Weights:
    with zipfile.ZipFile(path) as archive:  # torch itself does not compare the checksums
        if archive.testzip() is not None:
            raise ValueError("a checksum differs")
    content = torch.load(path, map_location="cpu", weights_only=True)
    return _weights(content["state_dict"], content["iqbench"])


def _read_safetensors(path: Path) -> Weights:
    with safetensors.safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()["iqbench"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    checksum = card.pop("sha256", None)
    if checksum is not None and checksum != _sha256(state, card):
        raise ValueError("the checksum differs")
    return _weights(state, card)


def _weights(state: Any, card: Any) -> Weights:
    weights = Weights(dict(state), card["family"], card["architecture"], card["trained_on"], card.get("recipe", {}))
    tensors = all(isinstance(value, Tensor) for value in weights.state.values())
    if not (
        tensors and all(isinstance(part, dict) for part in (weights.architecture, weights.trained_on, weights.recipe))
    ):
        raise TypeError("not a card and weights of iqbench")
    return weights


def _sha256(state: dict[str, Tensor], card: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name, value in sorted(state.items()):
        digest.update(name.encode() + value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _packaged_part(
    path: Path, weights: Weights, expected: dict[str, Tensor], backbone_weights: str
) -> dict[str, Tensor]:
    """Return the backbone that a file with only a head was trained on, from the model that has it."""
    if any(name.startswith(BACKBONE) for name in weights.state):
        return {}
    if backbone_weights != "packaged":
        raise CheckpointError(f"{path}: a head for the packaged backbone; say model.weights=packaged")
    return {name: value for name, value in expected.items() if name.startswith(BACKBONE)}


def _check_first_bytes(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise CheckpointError(f"{path}: empty; the download or the disk failed")
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path}: a git-lfs pointer, not the file itself; run git lfs pull")
    if start.lstrip()[:1] == b"<":
        raise CheckpointError(f"{path}: a web page, not a checkpoint; the download needs another address")


def _check_fit(path: Path, checkpoint: str, weights: Weights, family: str, architecture: dict[str, Any]) -> None:
    if weights.family != family:
        raise CheckpointError(f"{path}: a checkpoint of model={weights.family}, not of model={family}")
    differing = [name for name in architecture if weights.architecture.get(name) != architecture[name]]
    if not differing:
        return
    there = " ".join(f"model.{name}={weights.architecture.get(name)}" for name in differing)
    here = " ".join(f"model.{name}={architecture[name]}" for name in differing)
    if checkpoint == "reference":
        raise CheckpointError(
            f"the reference weights are for {there}, not {here}; "
            "give model.checkpoint=FILE or model.checkpoint=untrained"
        )
    say = f"{there} model.weights=none" if "backbone" in differing else there
    raise CheckpointError(f"{path}: trained with {there}, but asked for with {here}; say {say}")


def _sides(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) if math.prod(value.shape) != 1 else "a number"
