"""The typed summary of a benchmark: the content of summary.json, versioned and with a published JSON schema."""

import json
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from iqbench.errors import UsageError
from iqbench.protocol import Protocol
from iqbench.records import Record, without_interval
from iqbench.results.cluster_summary import Clusters
from iqbench.results.model_agreement import ModelAgreement
from iqbench.results.model_summary import BaselineAccuracies, ModelSummary
from iqbench.statistics.estimate import Accuracy, Difference, Share

RankedBy = Literal["corrected score", "accuracy"]
"""The order of the ranking: by the corrected score where every model has one, else by accuracy."""

PLANNED = "a property of the sample's size and spread"
"""Why a number has no interval."""

FILE_NAME = "summary.json"
SCHEMA_VERSION = 3


class Counts(Record):
    """The number of planned rows: with an answer, failed, and of damage that cannot be made of that photo."""

    planned: int
    ok: int
    failed: int
    not_applicable: int = 0


class RowCounts(Record):
    """Counts of rows: all, about degraded copies, and about controls."""

    rows: int
    pairs: Counts
    controls: Counts


class BootstrapSettings(Record):
    """The bootstrap behind the intervals: the resampled unit, the number of resamples, and the seed."""

    unit: Literal["photo", "series"]
    confidence: float = without_interval("a setting")
    resamples: int
    seed: int


class PhotoDifference(Difference):
    """A difference paired by photo."""

    photos: int = 0


class ModelDifference(PhotoDifference):
    """The paired difference of two models: the accuracy of ``a`` minus the accuracy of ``b``.

    ``verdict`` says which one is better, that they are within the margin of the protocol (two one-sided tests,
    corrected for all pairs of models), or that it is too close to call.
    """

    a: str
    b: str
    better: str | None = None
    within_margin: bool = False
    verdict: str


class CorrectedDifference(Difference):
    """The paired difference of two models in the corrected score, ``a`` minus ``b``; see `CorrectedScore`."""

    a: str
    b: str
    better: str | None = None
    verdict: str


class TypeWinner(PhotoDifference):
    """The most accurate model on a type, and its paired difference from the runner-up.

    The p-value is corrected for every pair of models on every type, since the two were chosen by their accuracy.
    """

    best: str
    accuracy: float = without_interval("its interval stands in by_degradation of that model")
    runner_up: str | None
    better: str | None = None
    verdict: str


class RankedModel(Record):
    """The places of a model: one plus the models that are shown to be better, by accuracy and by the corrected score.

    ``last_place`` is the last place that is not excluded: the number of models minus those shown to be worse. Both
    are None where the models were asked about different pairs, or where this model has no accuracy. Places by the
    corrected score are None where some model has none.
    """

    model: str
    place: int | None
    last_place: int | None
    corrected_place: int | None
    corrected_last_place: int | None


class LeastDifference(Record):
    """The difference between two models that this sample shows with a power of 80 %, corrected for all pairs of models.

    The median over all pairs of models; None where the sample can show no difference. ``clusters_for_5_points`` is the
    number of clusters of photos that show a difference of 5 points, as `iqbench.plan` counts them; a single model
    stands for two like it, and None means too few photos to plan from.
    """

    overall: float | None = without_interval(PLANNED)
    reason: str | None = None
    clusters_for_5_points: int | None = without_interval(PLANNED, None)
    by_degradation: dict[str, float | None] = without_interval(PLANNED)


class NobodyRight(Record):
    """The share of pairs that no model gets right."""

    overall: Share
    by_degradation: dict[str, Share]


class BestPerType(Accuracy):
    """The accuracy of choosing the best model of each type on other photos, and that choice on all photos.

    ``hindsight`` is the accuracy of that choice on the photos by which it was made, which is too high.
    """

    hindsight: float | None = without_interval("chosen on the photos that it is measured on, so it is too high")
    hindsight_reason: str | None = None
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

    schema_version: Literal[3] = 3
    iqbench: str
    complete: bool
    missing_shards: list[int]
    failed_jobs: list[FailedJob]
    protocol: Protocol
    photos: int
    photos_judged: int
    duplicate_photos: int
    clusters: Clusters
    looks: list[int]
    bootstrap: BootstrapSettings
    counts: RowCounts
    models: dict[str, ModelSummary]
    baselines: dict[str, BaselineAccuracies]
    pairwise: list[ModelDifference]
    corrected_pairwise: list[CorrectedDifference]
    ranking: list[RankedModel]
    ranked_by: RankedBy
    least_difference: LeastDifference
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
