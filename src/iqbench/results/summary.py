"""The typed summary of a benchmark: the content of summary.json, versioned and with a published JSON schema."""

import json
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from iqbench.errors import UsageError
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


class MacroAccuracy(Accuracy):
    """The mean accuracy over degradation types."""

    types: int


class SeverityStep(Accuracy):
    """The accuracy at one level of a ladder, with the mean margin of the original."""

    severity: int
    level: str
    degradation_type: str
    avg_margin: float | None
    avg_margin_reason: str | None = None


class TypeSeverityStep(Accuracy):
    """The accuracy at one severity of a type, over all of its ladders."""

    severity: int
    levels: list[str]


class LevelAccuracy(Record):
    """The accuracy at one level, without an interval."""

    accuracy: float | None
    pairs: int


class IdentityControl(Record):
    """Pairs of a photo and an identical copy, which must tie."""

    pairs: int
    ties: int
    failed: int
    all_tie: bool | None
    all_tie_reason: str | None = None


class ReencodeControl(Record):
    """Pairs of a photo and its JPEG of quality 95."""

    accuracy: float | None
    accuracy_reason: str | None = None
    pairs: int
    failed: int


class Controls(Record):
    """Results on the two controls, which enter no accuracy."""

    identity: IdentityControl
    reencode: ReencodeControl


class CalibrationBin(Record):
    """One bin of a reliability curve."""

    low: float
    high: float
    count: int
    mean_probability: float
    share_right: float


class Calibration(Record):
    """Brier score, expected calibration error (ECE) and reliability curve of stated probabilities."""

    of: str
    brier: float | None
    brier_reason: str | None = None
    ece: float | None
    ece_reason: str | None = None
    bins: list[CalibrationBin]


class TypeCalibration(Record):
    """The mean probability stated for a type, and the accuracy found."""

    stated: float | None
    stated_reason: str | None = None
    found: float | None
    found_reason: str | None = None


class Confidence(Calibration):
    """The reliability of the cross-fitted probabilities, and how well they separate right from wrong (AUROC)."""

    auroc: float | None
    auroc_reason: str | None = None
    by_degradation: dict[str, TypeCalibration]


class AgainstBaseline(Difference):
    """The paired difference from the best baseline on the same pairs.

    ``beaten`` is True where the interval lies above 0, None where it is unknown.
    """

    baseline: str | None
    baseline_accuracy: float | None = None
    beaten: bool | None


class ChoosesLike(Record):
    """The share of pairs in which a model chooses what a baseline chooses; ``suspect`` if it may be that baseline."""

    share: float
    suspect: bool


class AgainstBaselines(Record):
    """A model against the best baseline, over all pairs and per type, and the baselines that it resembles."""

    overall: AgainstBaseline
    by_degradation: dict[str, AgainstBaseline]
    chooses_like: dict[str, ChoosesLike]


class BaselineAccuracies(Record):
    """A baseline's accuracy over all pairs and per type."""

    overall: Accuracy
    by_degradation: dict[str, Accuracy]

    @property
    def macro(self) -> MacroAccuracy:
        """The mean accuracy over degradation types, without an interval."""
        values = [accuracy.value for accuracy in self.by_degradation.values() if accuracy.value is not None]
        return MacroAccuracy(accuracy=sum(values) / len(values) if values else None, types=len(values))


class MonotonicityTest(Record):
    """The L-test of one type: Kendall's tau between severity and preference, and wrongly ordered neighbours."""

    tau: Estimate
    violations: Estimate
    ladders: int
    without_opinion: int


class Threshold(Record):
    """The amount of damage from which on a model notices it (75 % accuracy), on one ladder.

    An end of the interval is None where the crossing lies beyond the harshest level.
    """

    degradation_type: str
    unit: str
    amount: float | None
    amount_reason: str | None = None
    at_most: bool = False
    interval: tuple[float | None, float | None] | None
    interval_reason: str | None = None


class Visibility(Record):
    """How much of a type's change reaches the model's own input, and the accuracy where it does and does not."""

    input_change: float | None
    input_change_reason: str | None = None
    input_change_max: float | None
    input_change_max_reason: str | None = None
    visible: float | None
    visible_reason: str | None = None
    accuracy_where_visible: Accuracy
    accuracy_where_invisible: Accuracy


class Stratum(Record):
    """A third of the originals by one image statistic, with the accuracy on each ladder."""

    low: float = Field(alias="from")
    high: float = Field(alias="to")
    photos: int
    by_ladder: dict[str, Accuracy]


class SecondAnswers(Record):
    """How far a model's second answers about the same pairs are from the first."""

    largest_change: float | None
    largest_change_reason: str | None = None
    pairs: int
    verdicts_changed: int


class RepeatSample(SecondAnswers):
    """The repeat sample, which is always judged in ``precision``; the run itself used ``precision_before``."""

    precision: str
    precision_before: str


class Repeatability(Record):
    """Repeatability of a model: of identical copies, of the repeat sample, and between runs."""

    largest_margin: float | None
    largest_margin_reason: str | None = None
    pairs: int
    repeat_sample: RepeatSample
    other_runs: SecondAnswers


class Mistake(Record):
    """One confident mistake, with the other models' verdicts."""

    photo: str
    sha256: str
    ladder: str
    level: str
    severity: int
    margin: float
    probability: float | None
    wrong_too: list[str]
    right: list[str]


class TypeMistakes(Record):
    """How many pairs of a type a model got wrong, and its most confident mistakes."""

    pairs: int
    wrong: int
    worst: list[Mistake]


class ModelSummary(Record):
    """Everything about one model."""

    model_type: str
    fingerprint: str
    trained_on: str | None
    photos_seen_in_training: int
    overall: PairStatistics
    macro: MacroAccuracy
    groups: dict[str, Accuracy]
    by_degradation: dict[str, PairStatistics]
    severity: dict[str, list[SeverityStep]]
    by_severity: dict[str, list[TypeSeverityStep]]
    by_level: dict[str, dict[str, LevelAccuracy]]
    controls: Controls
    calibration: Calibration
    confidence: Confidence
    against_baselines: AgainstBaselines
    monotonicity: dict[str, MonotonicityTest]
    thresholds: dict[str, Threshold]
    visibility: dict[str, Visibility]
    strata: dict[str, dict[str, Stratum]]
    repeatability: Repeatability
    failures: dict[str, int]
    failures_by_type: dict[str, TypeMistakes]


class ModelDifference(Difference):
    """The paired difference of two models, in accuracy of ``a`` minus accuracy of ``b``."""

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
