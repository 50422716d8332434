"""Provenance: the fingerprint of a model, and the versions that results depend on."""

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from iqbench.custom_code import custom_code, is_own
from iqbench.file_contents import with_contents
from iqbench.interfaces import QualityModel
from iqbench.object_state import dense_bytes, is_plain, state_digest
from iqbench.version import UNKNOWN, distribution_version, iqbench_version

_PACKAGE = Path(__file__).resolve().parent

VERSIONED = ("torch", "torchvision", "timm", "numpy", "pillow")
"""The distributions that pixels and scores depend on, besides iqbench and OpenCV."""

ADAPTERS = f"{__package__}.models.adapters"
"""The package of classes that hold other people's models, of which all counts."""

OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
"""The distributions that provide OpenCV."""


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

    A setting that names a file counts by the file's content, so a model whose checkpoint is moved is still the same.
    Of other people's models all counts that they hold; see `iqbench.object_state`. Call it before the model is used or
    moved to a device, since a model may remember what it has seen.
    """
    digest = hashlib.sha256()
    built_by_us = is_own(str(settings.get("_target_", ""))) and len(settings) > 1  # not a bare object in Python
    own = built_by_us and is_own(type(model).__module__) and not type(model).__module__.startswith(ADAPTERS)
    relevant = {key: settings[key] for key in settings if key != "checkpoint"} if own else with_contents(settings)
    digest.update(json.dumps(relevant, sort_keys=True, default=str).encode())
    digest.update(custom_code(settings).encode())
    if not own:
        digest.update(state_digest(model))
    elif isinstance(model, nn.Module):
        for name, value in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(dense_bytes(value) if is_plain(value) else state_digest(value))
    return digest.hexdigest()[:12]


def with_code_digest(settings: Any) -> Any:
    """Return settings of custom code with its digest under ``code``, and the content of the files that they name.

    Settings of iqbench's own code are returned as they are.
    """
    digest = custom_code(settings)
    return {**with_contents(settings), "code": digest} if digest else settings
