"""What a run depends on: its model, suite and photos, named so that nothing is ever mixed silently."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from iqbench.config import own_code
from iqbench.errors import UsageError
from iqbench.inference.engine_config import Settings
from iqbench.inference.worker import ON_ONE_PICTURE, one_line
from iqbench.interfaces import SHA_DIGITS, Photo, PhotoFile, QualityModel, Variant
from iqbench.models.learned import Learned
from iqbench.protocol import Protocol
from iqbench.results.schema import PhotoRow

VERSIONED = ("iqbench", "torch", "torchvision", "timm", "numpy", "pillow", "opencv-python-headless")
"""The packages that pixels and scores depend on."""


PLACES = ("out", "paths", "print_config", "shard", "shards", "fresh")
"""Settings that say where a run takes place, not what it is about: the shards of a run are one run."""


def fingerprint(model: QualityModel, settings: Mapping[str, Any]) -> str:
    """Return a name for what the model computes: 12 hex digits of its settings, its weights, and its code if not ours.

    Where the weights lie does not count: a checkpoint that is moved is still the same model.
    """
    digest = hashlib.sha256()
    counting = {key: value for key, value in settings.items() if key != "checkpoint"}
    digest.update(json.dumps(counting, sort_keys=True, default=str).encode())
    digest.update(own_code(settings).encode())
    if isinstance(model, nn.Module):
        for name, value in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def _with_code(degradation: Any) -> Any:
    code = own_code(degradation)
    return {**degradation, "code": code} if code else degradation


def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in VERSIONED}}


def shard_of(files: Sequence[PhotoFile], shard: int, shards: int) -> list[PhotoFile]:
    """Return every ``shards``-th photo from number ``shard`` on: all shards together are all photos, each once.

    Raises:
        UsageError: If there is no such shard, or no photo for it.

    Example:
        >>> from pathlib import Path
        >>> files = [PhotoFile(f"./{number}.jpg", Path()) for number in range(5)]
        >>> [file.name for file in shard_of(files, shard=1, shards=3)]
        ['./1.jpg', './4.jpg']
    """
    if shards < 1 or not 0 <= shard < shards:
        raise UsageError(f"shard={shard} shards={shards}: must be from 0 to shards - 1")
    if shards > len(files):
        raise UsageError(f"shards={shards}: there are only {len(files)} photos; say shards={len(files)} or less")
    return list(files[shard::shards])


class Plan:
    """One run's plan: what its results depend on, and what its readers want to know.

    Args:
        config: The whole config of the run.
        model: The judge, its weights loaded.
        files: The photos to judge.
        ignored: How many other files were passed over, by reason.
        variants: The suite with its controls.
        protocol: The rule that verdicts will follow.
        settings: How the machine is used, nothing left open that a bit may depend on.
    """

    def __init__(
        self,
        config: DictConfig,
        model: QualityModel,
        files: Sequence[PhotoFile],
        ignored: Mapping[str, int],
        variants: Sequence[Variant],
        protocol: Protocol,
        settings: Settings,
    ) -> None:
        whole = OmegaConf.to_container(config, resolve=True)
        assert isinstance(whole, dict)
        trained_on = model.trained_on if isinstance(model, Learned) else {}
        self._seen = set(trained_on.get("photos", []))
        self.identity: dict[str, Any] = {
            "model_name": config.name,
            "model_fingerprint": fingerprint(model, whole["model"]),
            "degradation": {type_: _with_code(node) for type_, node in whole["degradation"].items()},
            "protocol": asdict(protocol),
            "precision": settings.precision,
            "numerics": settings.numerics(model),
            "photos": [file.name for file in files],
            "versions": versions(),
        }
        self.details: dict[str, Any] = {
            "model_type": type(model).__name__.lower(),
            "trained_on": {key: value for key, value in trained_on.items() if key != "photos"},
            "ignored_files": dict(ignored),
            "shard": [config.shard, config.shards],
            "config": {key: value for key, value in whole.items() if key not in PLACES},
        }
        self.variant_rows = [
            {
                "position": position,
                "key": variant.key,
                "degradation_type": variant.type,
                "degradation_group": variant.group,
                "ladder": variant.ladder,
                "degradation_level": variant.level,
                "severity": variant.severity,
                "amount": variant.amount,
                "unit": variant.unit,
            }
            for position, variant in enumerate(variants)
        ]

    @property
    def schooling(self) -> str:
        """What the model was trained on, if it was and says so."""
        return str(self.details["trained_on"].get("what", ""))

    def marked(self, photo: PhotoRow) -> PhotoRow:
        """Return the row with a mark if the model saw that very photo in training."""
        seen = photo.sha256 is not None and photo.sha256[:SHA_DIGITS] in self._seen
        return replace(photo, seen_in_training=seen)


def built_in_photo() -> Photo:
    """Return a picture that needs no file: a colour gradient with noise, 96 x 128."""
    across = np.linspace(0, 200, 128)[None, :, None] * np.array([1.0, 0.7, 0.4])
    noise = np.random.default_rng(0).normal(0, 20, (96, 128, 3))
    photo: Photo = np.clip(across + noise + 20, 0, 255).astype(np.uint8)
    return photo


def rehearse(variants: Sequence[Variant]) -> None:
    """Make every variant of a built-in photo before the run depends on it.

    Raises:
        UsageError: If one fails on it, or does not give a photo.
    """
    for variant in variants:
        try:
            picture = variant.apply(built_in_photo())
        except ON_ONE_PICTURE as error:
            raise UsageError(f"degradation {variant.key}: fails on a plain photo ({one_line(error)})") from error
        if not (isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape[2:] == (3,)):
            found = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
            raise UsageError(f"degradation {variant.key}: gave {found}, promised is uint8 (height, width, 3)")


@torch.inference_mode()
def self_test(model: QualityModel, device: torch.device) -> None:
    """Ask the model about a built-in photo before the run depends on it.

    Raises:
        UsageError: If an answer does not have the promised shape or is no number.
    """
    kind = type(model).__name__
    pictures = torch.stack([model.prepare(built_in_photo())] * 2).to(device)
    encoded = model.encode(pictures)
    if encoded.ndim != 2 or len(encoded) != 2:
        raise UsageError(f"model {kind}: encode gave shape {tuple(encoded.shape)} for 2 pictures, promised is (2, d)")
    margin = model.margin(encoded, encoded)
    if margin.shape != (2,):
        raise UsageError(f"model {kind}: margin gave shape {tuple(margin.shape)} for 2 pairs, promised is (2,)")
    if not bool(encoded.isfinite().all()) or not bool(margin.isfinite().all()):
        raise UsageError(f"model {kind}: answers NaN or infinity on a plain photo; its weights are damaged")
