"""The valid keys of the config files, and their types (structured configs)."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class ProgramSchema:
    """The keys that the config files of all programs have, and their types."""

    name: str = "???"
    out: str = "???"
    seed: int = 0
    print_config: bool = False


@dataclass
class BenchSchema(ProgramSchema):
    """The keys of conf/bench.yaml and their types. Hydra refuses other keys and types."""

    model: Any = None
    data: Any = None
    degradation: Any = None
    protocol: Any = None
    engine: Any = None
    paths: Any = None
    max_failures: int = 0
    gallery: int = 0
    shard: int = 0
    shards: int = 1
    fresh: bool = False


@dataclass
class TrainSchema(ProgramSchema):
    """The keys of conf/train.yaml and their types."""

    model: Any = None
    data: Any = None
    degradation: Any = None
    self_supervision: Any = None
    examples: Any = None
    trainer: Any = None
    callbacks: Any = None
    logger: Any = None
    paths: Any = None
    demo: Any = None
    experiment: Any = None
    debug: Any = None
    hparams_search: Any = None
    ckpt_path: str | None = None
    optimized_metric: str = "val/loss"


@dataclass
class EvaluateSchema(ProgramSchema):
    """The keys of conf/evaluate.yaml and their types."""

    model: Any = None
    data: Any = None
    protocol: Any = None
    engine: Any = None
    paths: Any = None
    split: str | None = None
    pairs_per_photo: int = 4
    min_difference: float = 0.5
    anchors: int = 64
    max_failures: int = 0


@dataclass
class ResolutionSchema(ProgramSchema):
    """The keys of conf/resolution.yaml and their types."""

    model: Any = None
    data: Any = None
    degradation: Any = None
    protocol: Any = None
    engine: Any = None
    paths: Any = None
    sizes: list[int] = field(default_factory=list)
    max_failures: int = 0


@dataclass
class RankSchema(ProgramSchema):
    """The keys of conf/rank.yaml and their types."""

    model: Any = None
    engine: Any = None
    paths: Any = None
    photos: Any = None
    include: Any = None
    exclude: Any = None
    max_megapixels: float = 0.0
    decoding: str = "full"
    series: Any = None
    subject: Any = None
    stars: Any = None
    too_close: float = 0.0
    anchors: int = 0
    sidecars: str | None = None
    overwrite_ratings: bool = False
    max_failures: int = 0
    fresh: bool = False


@dataclass
class DoctorSchema(ProgramSchema):
    """The keys of conf/doctor.yaml and their types."""

    data: Any = None
    paths: Any = None
    sample: int = 2000
    reference: str | None = None


@dataclass
class ExportSchema(ProgramSchema):
    """The keys of conf/export.yaml and their types."""

    data: Any = None
    degradation: Any = None
    engine: Any = None
    paths: Any = None
    max_failures: int = 0
    shard: int = 0
    shards: int = 1


SCHEMAS: dict[str, type] = {
    "bench": BenchSchema,
    "train": TrainSchema,
    "evaluate": EvaluateSchema,
    "doctor": DoctorSchema,
    "resolution": ResolutionSchema,
    "export": ExportSchema,
    "rank": RankSchema,
}
"""The schema of each config file (a structured config)."""


def register_schemas() -> None:
    """Register the schemas with Hydra, under names that no other program in this process uses."""
    for name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=f"iqbench_{name}_schema", node=schema)
