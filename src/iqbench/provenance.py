"""Provenance: the fingerprint of a model, the versions that results depend on, and the photos seen in training."""

import hashlib
import inspect
import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import hydra
import torch
from torch import nn

from iqbench.interfaces import SHA_DIGITS, QualityModel
from iqbench.version import UNKNOWN, distribution_version, iqbench_version

_PACKAGE = Path(__file__).resolve().parent

VERSIONED = ("torch", "torchvision", "timm", "numpy", "pillow")
"""The distributions that pixels and scores depend on, besides iqbench and OpenCV."""

OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
"""The distributions that provide OpenCV."""


@runtime_checkable
class Trained(Protocol):
    """A model that records its training provenance."""

    trained_on: dict[str, Any]


def versions() -> dict[str, str]:
    """Return the versions that results depend on.

    OpenCV is listed under the name of the distribution that provides it.
    """
    installed = {name: distribution_version(name) for name in VERSIONED}
    opencv = next((name for name in OPENCV if distribution_version(name) != UNKNOWN), OPENCV[0])
    return {
        "python": platform.python_version(),
        "iqbench": iqbench_version(),
        **installed,
        opencv: distribution_version(opencv),
    }


def fingerprint(model: QualityModel, settings: Mapping[str, Any]) -> str:
    """Return an identifier of what a model computes: 12 hex digits of its settings, weights and custom code.

    The path of a checkpoint does not count: a checkpoint that is moved is still the same model.
    """
    digest = hashlib.sha256()
    relevant = {key: value for key, value in settings.items() if key != "checkpoint"}
    digest.update(json.dumps(relevant, sort_keys=True, default=str).encode())
    digest.update(custom_code(settings).encode())
    if isinstance(model, nn.Module):
        for name, value in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def custom_code(settings: object) -> str:
    """Return a digest of the user's own code that settings call: 12 hex digits of its files, "" if there is none.

    iqbench's own code is identified by its version instead. Files that the user's files import do not count.
    """
    modules = {inspect.getmodule(hydra.utils.get_object(target)) for target in _targets(settings)}
    files = {str(module.__file__) for module in modules if module and getattr(module, "__file__", None)}
    custom = sorted(file for file in files if not Path(file).is_relative_to(_PACKAGE))
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in custom)).hexdigest()[:12] if custom else ""


def _targets(settings: object) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if isinstance(settings.get("_target_"), str):
            yield settings["_target_"]
        for value in settings.values():
            yield from _targets(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _targets(value)


def with_code_digest(settings: Any) -> Any:
    """Return a part of the config with the digest of its custom code under ``code``, if it has any."""
    digest = custom_code(settings)
    return {**settings, "code": digest} if digest else settings


def training_provenance(model: object) -> dict[str, Any]:
    """Return what a model was trained on, without the list of photos; empty if it does not record it."""
    trained_on = model.trained_on if isinstance(model, Trained) else {}
    return {key: value for key, value in trained_on.items() if key != "photos"}


def photos_seen_in_training(model: object) -> frozenset[str]:
    """Return the sha256 of the photos that a model was trained on, `SHA_DIGITS` hex digits of each."""
    return frozenset(model.trained_on.get("photos", []) if isinstance(model, Trained) else [])


def was_seen(sha256: str | None, seen: frozenset[str]) -> bool:
    """Return whether a photo is among the photos seen in training."""
    return sha256 is not None and sha256[:SHA_DIGITS] in seen
