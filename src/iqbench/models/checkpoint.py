"""Read and write checkpoint files as plain data, never as code."""

import hashlib
import json
import math
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from iqbench.errors import CheckpointError
from iqbench.io import atomic_write
from iqbench.models.backbone import PACKAGED_BACKBONE
from iqbench.paths import expanded

REFERENCE_DIR = Path(__file__).parent.parent / "weights"
"""The folder of the packaged reference weights and their MODEL_CARD.md."""


_DAMAGED: tuple[type[Exception], ...] = (safetensors.SafetensorError, RuntimeError, EOFError, ValueError)
_DAMAGED += (zipfile.BadZipFile, zlib.error, struct.error)

BACKBONE = "backbone."
"""Prefix of the names of a backbone's tensors."""


Architecture = dict[str, str | int | list[int] | None]
"""The hyperparameters that decide names, shapes and meaning of the tensors."""

LATER: dict[str, Architecture] = {
    "siamese": {"levels": None, "head": "compare", "normalization": "layer"},
    "ava": {"levels": None, "normalization": "layer"},
}
"""Hyperparameters of each family that files of earlier versions do not name, with what these had."""


@dataclass(frozen=True)
class Weights:
    """The content of a checkpoint: tensors, the family and architecture that they fit, and their provenance."""

    state: dict[str, Tensor]
    family: str
    architecture: Architecture
    trained_on: dict[str, Any]
    """Training provenance, as JSON; see `iqbench.training_provenance.joined_provenance`."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """The config of the training, as JSON. Empty for an exported head."""
    data: dict[str, Any] = field(default_factory=dict)
    """The contents of the data set, see `iqbench.datasets.contents`. Empty for an exported head, or a file of 0.3."""

    @property
    def is_head(self) -> bool:
        """True if the backbone's tensors are missing: it is then the packaged backbone."""
        return not any(name.startswith(BACKBONE) for name in self.state)


@dataclass(frozen=True)
class Target:
    """The model that weights are loaded into: its family, architecture, and the ``weights`` of its backbone."""

    family: str
    architecture: Architecture
    backbone_weights: str


def checkpoint_file(checkpoint: str, family: str) -> Path | None:
    """Return the file that ``model.checkpoint`` names: the packaged one for ``reference``, None for ``untrained``."""
    if checkpoint == "untrained":
        return None
    return (
        REFERENCE_DIR / f"{family}.safetensors"
        if checkpoint == "reference"
        else expanded(checkpoint, "model.checkpoint")
    )


def settings_from_file(path: Path, family: str, given: Mapping[str, Any]) -> Architecture:
    """Return the model settings that a checkpoint file decides, so that nobody needs to repeat them.

    These are its architecture and ``weights``, the source of the backbone before the file is loaded. A
    complete file needs no source; ``weights`` is then ``packaged`` or ``none``, whatever was given, so that
    one model has one fingerprint.

    Args:
        path: The file.
        family: The family of the model: ``siamese`` or ``ava``.
        given: The settings that the user has given. Each must agree with the file.

    Raises:
        CheckpointError: If the file cannot be used, is of another family, or a given setting disagrees with it.
    """
    weights = read_weights(path)
    _check_family(path, weights, family)
    is_packaged = weights.is_head or weights.architecture.get("backbone") == PACKAGED_BACKBONE
    settings = {**weights.architecture, "weights": "packaged" if is_packaged else "none"}
    decided = settings if weights.is_head else weights.architecture
    differing = [name for name in decided if name in given and given[name] != decided[name]]
    if differing:
        raise CheckpointError(f"{_disagreement(path, decided, given, differing)}; leave it out, the file decides")
    return settings


def load_weights(model: nn.Module, path: Path, weights: Weights, target: Target) -> None:
    """Load the weights of a checkpoint file into ``model``.

    Args:
        model: The model.
        path: The file, for messages.
        weights: Its content.
        target: The description of the model.

    Raises:
        CheckpointError: If the weights do not fit the model, or are not finite.
    """
    _check_family(path, weights, target.family)
    _check_architecture(path, weights, target)
    expected = model.state_dict()
    state = {**_packaged_part(path, weights, expected, target.backbone_weights), **weights.state}
    for name in sorted(set(state) ^ set(expected)):
        raise CheckpointError(f"{path}: tensor {name} is {'missing' if name in expected else 'unknown'}")
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise CheckpointError(f"{path}: tensor {name} is {_sides(value)}, the model's is {_sides(expected[name])}")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinity; the training diverged")
    model.load_state_dict(state)


def read_weights(path: Path, key: str = "model.checkpoint") -> Weights:
    """Return the content of a checkpoint file.

    Args:
        path: A .ckpt or .safetensors file.
        key: The setting that named it, for messages.

    Raises:
        CheckpointError: If it is missing, damaged, or no checkpoint of iqbench.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):  # Path drops one slash of "https://"
        raise CheckpointError(f"{key}={path}: a URL; download the file and give its path")
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is no file" if path.exists() else "no such file"
            raise CheckpointError(f"{key}={path}: {kind}; give a .ckpt or .safetensors file")
        check_first_bytes(path)
        return _read_safetensors(path) if path.suffix == ".safetensors" else _read_lightning(path)
    except OSError as error:
        raise CheckpointError(
            f"{key}={path}: cannot be read ({error.strerror or error}); may this user read it?"
        ) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: holds code or objects, not only weights; nothing was executed") from error
    except _DAMAGED as error:
        raise CheckpointError(f"{path}: damaged or not a checkpoint; give a checkpoint that iqbench wrote") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path}: weights of another program; give a checkpoint that iqbench wrote") from error


def export_head(path: Path, weights: Weights) -> None:
    """Write the head without the backbone as safetensors, small enough for a repository."""
    state = {
        name: value.detach().cpu().contiguous()
        for name, value in weights.state.items()
        if not name.startswith(BACKBONE)
    }
    card = {"family": weights.family, "architecture": weights.architecture, "trained_on": weights.trained_on}
    card["sha256"] = _sha256(state, card)
    content = safetensors.torch.save(state, {"iqbench": json.dumps(card, sort_keys=True)})
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _read_lightning(path: Path) -> Weights:
    check_checksums(path)
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
    weights = replace(weights, data=card.get("data", {}))
    tensors = all(isinstance(value, Tensor) for value in weights.state.values())
    if not (
        tensors
        and all(
            isinstance(part, dict) for part in (weights.architecture, weights.trained_on, weights.recipe, weights.data)
        )
    ):
        raise TypeError("not a card and weights of iqbench")
    if not all(isinstance(prefix, str) for prefix in weights.trained_on.get("photos", [])):
        raise TypeError("not the sha256 prefixes of photos")
    bytes.fromhex("".join(weights.trained_on.get("looks", [])))
    return replace(weights, architecture={**LATER.get(weights.family, {}), **weights.architecture})


def _sha256(state: dict[str, Tensor], card: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name, value in sorted(state.items()):
        digest.update(name.encode() + value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _packaged_part(
    path: Path, weights: Weights, expected: dict[str, Tensor], backbone_weights: str
) -> dict[str, Tensor]:
    """Return the model's packaged backbone, if the file holds a head alone."""
    if not weights.is_head:
        return {}
    if backbone_weights != "packaged":
        raise CheckpointError(f"{path}: a head for the packaged backbone; use model.weights=packaged")
    return {name: value for name, value in expected.items() if name.startswith(BACKBONE)}


def check_checksums(path: Path) -> None:
    """Refuse a file of ``torch.save`` in which a bit has changed: torch does not compare the checksums.

    Raises:
        ValueError: If a checksum differs.
        zipfile.BadZipFile: If it is no zip archive.
    """
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("a checksum differs, so the file is damaged")


def check_first_bytes(path: Path) -> None:
    """Refuse what a failed download leaves in place of a checkpoint.

    Raises:
        CheckpointError: If the file is empty, a web page or a git-lfs pointer.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise CheckpointError(f"{path}: empty; the download or the disk failed")
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path}: a git-lfs pointer, not the file itself; run git lfs pull")
    if start.lstrip()[:1] == b"<":
        raise CheckpointError(f"{path}: a web page, not a checkpoint; the download needs another address")


def _check_family(path: Path, weights: Weights, family: str) -> None:
    if weights.family != family:
        raise CheckpointError(f"{path}: a checkpoint of model={weights.family}, not of model={family}")


def _check_architecture(path: Path, weights: Weights, target: Target) -> None:
    wanted, architecture = weights.architecture, target.architecture
    differing = [name for name in architecture if wanted.get(name) != architecture[name]]
    if not differing:
        return
    if path.parent == REFERENCE_DIR:
        raise CheckpointError(
            f"the reference weights are for {_listed(wanted, differing)}, not {_listed(architecture, differing)}; "
            "give model.checkpoint=FILE or model.checkpoint=untrained"
        )
    advice = f"{_listed(wanted, differing)}{' model.weights=none' * ('backbone' in differing)}"
    raise CheckpointError(f"{_disagreement(path, wanted, architecture, differing)}; use {advice}")


def _disagreement(path: Path, wanted: Mapping[str, Any], given: Mapping[str, Any], names: list[str]) -> str:
    return f"{path}: trained with {_listed(wanted, names)}, but {_listed(given, names)} was given"


def _listed(settings: Mapping[str, Any], names: list[str]) -> str:
    return " ".join(f"model.{name}={settings.get(name)}" for name in names)


def _sides(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) if math.prod(value.shape) != 1 else "a number"
