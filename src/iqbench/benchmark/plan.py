"""The plan of a run: its work, what its results depend on, and further details for readers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from iqbench.benchmark.repeat_sample import repeat_sample
from iqbench.benchmark.task import BenchmarkTask
from iqbench.errors import UsageError
from iqbench.inference.worker import PhotoRecord
from iqbench.interfaces import CombinesMembers, PhotoFile, PhotoListing, Variant
from iqbench.protocol import Protocol
from iqbench.provenance import versions, with_code_digest
from iqbench.results.schema import PhotoRow, VariantRow
from iqbench.training_provenance import NEAR_COPY, TrainingPhotos, training_provenance

FILE_SETTINGS = ("cache", "model_file")
"""Settings of a damage about where its files are: it checks their content, and ``made_with`` names what it uses."""

PLACE_SETTINGS = ("out", "paths", "print_config", "shard", "shards", "fresh")
"""Settings about where a run takes place, which its results do not depend on: the shards of a run are one run."""


def shard_of(files: Sequence[PhotoFile], shard: int, shards: int) -> list[PhotoFile]:
    """Return every ``shards``-th photo from number ``shard`` on: all shards together hold each photo once.

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
        raise UsageError(f"shards={shards}: there are only {len(files)} photos; use shards={len(files)} or less")
    return list(files[shard::shards])


@dataclass(frozen=True)
class Plan:
    """The plan of a run.

    Args:
        task: The model, the photos, their variants and the engine config.
        identity: What the results depend on: only runs of one identity share a store.
        details: Further information for readers.
        variant_rows: The variants, as rows of the store.
        source_files: All photos of the source, of which this run may score a shard.
        repeat_sample: The names of the photos that are scored twice.
        gallery_size: Mistakes of each type whose pictures are kept.
    """

    task: BenchmarkTask
    identity: dict[str, Any]
    details: dict[str, Any]
    variant_rows: Sequence[VariantRow]
    source_files: Sequence[PhotoFile]
    repeat_sample: frozenset[str]
    gallery_size: int

    @property
    def training_data(self) -> str:
        """The data that the model was trained on, "" if it was not trained or does not record it."""
        return str(self.details["trained_on"].get("what", ""))

    def photo_row(self, record: PhotoRecord) -> PhotoRow:
        """Return the row of a photo with its series, marked if the model saw the photo or a near-copy in training."""
        seen = self._training_photos.include(record.sha256)
        if not seen and self._training_photos.resemble(record.look):
            record = replace(record, notes="; ".join(filter(None, [record.notes, NEAR_COPY])))
        return PhotoRow.of(record, seen, self._series[record.name])

    @cached_property
    def _training_photos(self) -> TrainingPhotos:
        """The photos that the model has seen in training."""
        return TrainingPhotos.of(self.task.model)

    @cached_property
    def _series(self) -> dict[str, str]:
        """The series of each photo."""
        return {file.name: file.series for file in self.task.files}


def make_plan(
    config: DictConfig,
    task: BenchmarkTask,
    listing: PhotoListing,
    protocol: Protocol,
    digests: Mapping[str, str],
    model_fingerprint: str,
) -> Plan:
    """Return the plan of a run.

    Args:
        config: The config of the run.
        task: Its work. The engine config holds no ``auto`` that a bit of a result could depend on.
        listing: All photos of the source, of which this run may score a shard, and the files that were ignored.
        protocol: The rule for verdicts.
        digests: The digest of each variant, as `iqbench.degradations.rehearsal.rehearse` returns them.
        model_fingerprint: The fingerprint of the model, from before it was used.
    """
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    identity = {
        "model_name": config.name,
        "model_fingerprint": model_fingerprint,
        "degradation": _damage_identity(settings["degradation"], task.variants),
        "variants": dict(digests),
        "protocol": {key: value for key, value in asdict(protocol).items() if key != "margin"},
        "precision": task.engine.precision,
        "numerics": task.engine.numerics(task.model),
        "photos": [file.name for file in task.files],
        "versions": versions(),
    }
    details = {
        "model_type": type(task.model).__name__.lower(),
        "trained_on": training_provenance(task.model),
        "margin": protocol.margin,
        "ignored_files": dict(listing.ignored),
        "ignored_examples": {reason: list(names) for reason, names in listing.ignored_examples.items()},
        "cluster": listing.cluster,
        "shard": [config.shard, config.shards],
        "config": {key: value for key, value in settings.items() if key not in PLACE_SETTINGS},
    }
    if isinstance(task.model, CombinesMembers):
        details["ensemble"] = {"variant": task.model.variant, "members": dict(task.model.member_fingerprints)}
    rows = [VariantRow.of(position, variant, digests[variant.key]) for position, variant in enumerate(task.variants)]
    return Plan(task, identity, details, rows, listing.files, repeat_sample(listing.files), config.gallery)


def _damage_identity(settings: Mapping[str, Any], variants: Sequence[Variant]) -> dict[str, Any]:
    """Return what the damage of each type depends on: its settings, its code, and what it is made with."""
    made_with = {variant.type: {"made_with": variant.made_with} for variant in variants if variant.made_with}
    return {
        kind: {**with_code_digest(_without_places(node)), **made_with.get(kind, {})} for kind, node in settings.items()
    }


def _without_places(settings: Any) -> Any:
    if not isinstance(settings, Mapping):
        return settings
    return {key: _without_places(value) for key, value in settings.items() if key not in FILE_SETTINGS}
