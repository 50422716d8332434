"""The typed summary of a benchmark: the content of summary.json, versioned and with a published JSON schema."""

import json
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice
from iqbench.protocol import Protocol
from iqbench.records import Record
from iqbench.results.model_summary import BaselineAccuracies, ModelSummary
from iqbench.statistics.estimate import Difference, Share

FILE_NAME = "summary.json"
SCHEMA_VERSION = 2


class Counts(Record):
    """The number of planned rows, of rows with an answer, and of failed rows."""

    planned: int
    ok: int
    failed: int


class RowCounts(Record):
    """Counts of rows: all, about degraded copies, and about controls."""

    rows: int
    pairs: Counts
    controls: Counts


class Clusters(Record):
    """The clusters of the judged photos: what makes photos one cluster (``by``), and how many there are.

    ``near_copies`` is the number of photos that share their cluster with another photo, ``examples`` are such photos.
    """

    by: ClusterChoice
    clusters: int
    photos: int
    near_copies: int
    examples: list[tuple[str, str]]


class BootstrapSettings(Record):
    """The bootstrap behind the intervals: the resampled unit, the number of resamples, and the seed."""

    unit: Literal["photo", "series"]
    confidence: float
    resamples: int
    seed: int


class PhotoDifference(Difference):
    """A difference paired by photo, with the p-value of the sign test as a cross-check."""

    photos: int = 0
    p_sign_test: float | None = None


class ModelDifference(PhotoDifference):
    """The paired difference of two models: the accuracy of ``a`` minus the accuracy of ``b``."""

    a: str
    b: str
    better: str | None = None
    verdict: str


class TypeWinner(PhotoDifference):
    """The most accurate model on a type, and its paired difference from the runner-up."""

    best: str
    accuracy: float
    runner_up: str | None
    better: str | None = None
    verdict: str


class RankedModel(Record):
    """The place of a model in the ranking. Models without a shown difference share a place."""

    model: str
    place: int


class ModelAgreement(Record):
    """The agreement of two models, and the accuracy of both together: if either is right, and if averaged."""

    a: str
    b: str
    pairs: int
    same: float | None
    both_right: float | None
    only_a: float | None
    only_b: float | None
    neither: float | None
    either_right: Share
    averaged: Share


class NobodyRight(Record):
    """The share of pairs that no model gets right."""

    overall: Share
    by_degradation: dict[str, Share]


class BestPerType(Record):
    """The accuracy of a perfect choice of model per type, and that choice."""

    accuracy: float | None
    accuracy_reason: str | None = None
    choice: dict[str, str]


class RunRecord(Record):
    """One run: the inputs that determine its results (``identity``), and further facts (``details``)."""

    identity: dict[str, JsonValue]
    details: dict[str, JsonValue]
    missing_shards: list[int]


class FailedJob(Record):
    """A job of a sweep that left no complete results."""

    job: str
    exit_code: int
    error: str


class Summary(Record):
    """The summary of one or several runs: the single source of every report.

    Raises:
        pydantic.ValidationError: If a value has the wrong type, or a key is unknown.
    """

    schema_version: Literal[2] = 2
    iqbench: str
    complete: bool
    missing_shards: list[int]
    failed_jobs: list[FailedJob]
    protocol: Protocol
    photos: int
    photos_judged: int
    duplicate_photos: int
    clusters: Clusters
    bootstrap: BootstrapSettings
    counts: RowCounts
    models: dict[str, ModelSummary]
    baselines: dict[str, BaselineAccuracies]
    pairwise: list[ModelDifference]
    ranking: list[RankedModel]
    agreement: list[ModelAgreement]
    nobody_right: NobodyRight
    by_degradation_winner: dict[str, TypeWinner]
    best_per_type: BestPerType
    runs: list[RunRecord]


def read_summary(folder: Path) -> Summary:
    """Return the summary of a run or of a sweep.

    Args:
        folder: A run's folder, or a sweep's root.

    Raises:
        UsageError: If there is no summary, it is damaged, or it is of another schema version.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise UsageError(f"{path}: not there; name a run's folder or a sweep's root, or run iqbench.report on it")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.get("schema_version", 1)
        if version == SCHEMA_VERSION:
            return Summary.model_validate(content)
        reason = f"of schema version {version} (iqbench {content.get('iqbench', '?')}), not {SCHEMA_VERSION}"
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"damaged ({'.'.join(map(str, first['loc']))}: {first['msg']})"
    except (OSError, ValueError, AttributeError, UsageError) as error:
        reason = f"damaged ({' '.join(str(error).split())[:160]})"
    raise UsageError(f"{path}: {reason}; make it again with iqbench.report")
