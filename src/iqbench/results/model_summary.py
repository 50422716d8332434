"""The typed summary of one model."""

from pydantic import Field

from iqbench.records import ONE_PAIR, Record, without_interval
from iqbench.results.diagnostics_summary import Confidence, Stratum, Visibility
from iqbench.results.semantic_summary import SemanticEffect
from iqbench.statistics.calibration import Calibration
from iqbench.statistics.estimate import ALPHA, P_VALUE, Accuracy, AccuracyAgainstChance, Difference, Estimate, Interval

LARGEST = "the largest of the sample"
"""Why a number has no interval."""


class PairStatistics(AccuracyAgainstChance):
    """The statistics of one set of a model's pairs: accuracy, confidence, ties, order consistency, failures.

    A pair that the model was asked about and did not answer (``unanswered``) is worth a tie. A pair that nobody
    could be asked about, such as one of a damaged photo, is not counted. Damage that cannot be made of a photo is
    ``not_applicable``, which is no failure.
    """

    n: int = Field(default=0, alias="total_pairs")
    avg_confidence: float | None
    avg_confidence_reason: str | None = None
    avg_confidence_interval: Interval | None = None
    avg_confidence_interval_reason: str | None = None
    avg_legacy_confidence: float | None
    avg_legacy_confidence_reason: str | None = None
    avg_legacy_confidence_interval: Interval | None = None
    avg_legacy_confidence_interval_reason: str | None = None
    avg_score_drop: float | None
    avg_score_drop_reason: str | None = None
    avg_score_drop_interval: Interval | None = None
    avg_score_drop_interval_reason: str | None = None
    ties: int
    tie_rate: float | None
    tie_rate_reason: str | None = None
    tie_rate_interval: Interval | None = None
    tie_rate_interval_reason: str | None = None
    order_consistency: float | None
    order_consistency_reason: str | None = None
    order_consistency_interval: Interval | None = None
    order_consistency_interval_reason: str | None = None
    unanswered: int = 0
    failed: int
    not_applicable: int = 0


class MacroAccuracy(Accuracy):
    """The mean accuracy over degradation types."""

    types: int


class SeverityStep(AccuracyAgainstChance):
    """The accuracy at one level of a ladder, with the mean margin of the original."""

    severity: int
    level: str
    degradation_type: str
    avg_margin: float | None
    avg_margin_reason: str | None = None
    avg_margin_interval: Interval | None = None
    avg_margin_interval_reason: str | None = None


class TypeSeverityStep(Accuracy):
    """The accuracy at one severity of a type, over all of its ladders."""

    severity: int
    levels: list[str]


class TypeContrast(Record):
    """The types on which a model is most and least accurate, and p of "as accurate on one as on the other".

    p is corrected for every two types of all models, so it holds though these two were chosen afterwards.
    """

    strongest: str
    weakest: str
    p_corrected: float | None = without_interval(P_VALUE)
    p_corrected_reason: str | None = None

    @property
    def shown(self) -> bool:
        """True if the model is shown to be more accurate on one than on the other."""
        return self.p_corrected is not None and self.p_corrected < ALPHA


class IdentityControl(Record):
    """Pairs of a photo and an identical copy, which should tie."""

    pairs: int
    ties: int
    failed: int
    all_tie: bool | None
    all_tie_reason: str | None = None


class ReencodeControl(AccuracyAgainstChance):
    """Pairs of a photo and its JPEG of quality 95; p is corrected for all models."""

    failed: int


class Controls(Record):
    """Results on the two controls, which enter no accuracy."""

    identity: IdentityControl
    reencode: ReencodeControl


class AgainstBaseline(Difference):
    """The paired difference from the best baseline on the same pairs.

    ``beaten`` is True if the corrected p-value is below 5 % and the difference above 0, None without a test.
    ``ceiling`` is True where the baseline is right so often that not even a perfect model could be shown to beat
    it: such pairs cannot tell a judge from the baseline. ``where_baseline_errs`` is the model's accuracy on the
    pairs in which the baseline is wrong.
    """

    baseline: str | None
    baseline_accuracy: float | None = None
    baseline_accuracy_interval: Interval | None = None
    baseline_accuracy_interval_reason: str | None = None
    beaten: bool | None
    ceiling: bool = False
    where_baseline_errs: Accuracy


class CorrectedScore(Estimate):
    """The accuracy corrected for chance and for baselines: 1 of a perfect judge, 0 of a coin.

    For each baseline the model's accuracy where the baseline is right and where it is wrong are averaged, and
    scaled so that 50 % is 0; of a baseline that never errs, the pairs count in which it has no opinion. The score is
    the lowest over all baselines, without the bias of a lowest one, so a copy of a baseline gets about 0 or less;
    ``baseline`` is the one that gives it.
    """

    baseline: str | None = None


class ChoosesLike(Record):
    """The share of pairs in which a model chooses like a baseline, and how often where the baseline is wrong.

    ``suspect`` if the model may be no more than the baseline: it makes most of the baseline's ``errors``, too.
    """

    share: float
    share_interval: Interval | None = None
    share_interval_reason: str | None = None
    errors: int
    errors_shared: Accuracy
    suspect: bool


class AgainstBaselines(Record):
    """A model against the best baseline, overall and per type, and its likeness to each baseline."""

    overall: AgainstBaseline
    by_degradation: dict[str, AgainstBaseline]
    corrected: CorrectedScore
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


class CrossPhotoStep(Accuracy):
    """The P-test at one severity of a type: how often originals are preferred to copies of other photos.

    A model with scores is judged on all pairs of different photos, a model that compares two photos on a sample
    (``sampled``). ``photos`` is the number of photos in the pairs.
    """

    severity: int
    photos: int
    sampled: bool


class Threshold(Record):
    """The least amount of damage that a model notices (75 % accuracy), on one ladder.

    An end of the interval is None if the crossing lies beyond the harshest level.
    """

    degradation_type: str
    unit: str
    amount: float | None
    amount_reason: str | None = None
    at_most: bool = False
    interval: tuple[float | None, float | None] | None
    interval_reason: str | None = None


class SecondAnswers(Record):
    """The difference between a model's second and first answers about the same pairs."""

    largest_change: float | None = without_interval(LARGEST)
    largest_change_reason: str | None = None
    pairs: int
    verdicts_changed: int


class RepeatSample(SecondAnswers):
    """The repeat sample, scored in ``precision``; the run itself used ``precision_before``."""

    precision: str
    precision_before: str


class Repeatability(Record):
    """Repeatability of a model: of identical copies, of the repeat sample, and between runs."""

    largest_margin: float | None = without_interval(LARGEST)
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
    margin: float = without_interval(ONE_PAIR)
    probability: float | None = without_interval(ONE_PAIR)
    wrong_too: list[str]
    right: list[str]


class TypeMistakes(Record):
    """The wrong pairs of a type, and the most confident mistakes."""

    pairs: int
    wrong: int
    worst: list[Mistake]


class EnsembleFacts(Record):
    """The members of a model that combines others, by their names at the fit, and those that are in this summary.

    ``judged`` has the name in this summary of each member that was judged too: of the same fingerprint.
    """

    variant: str
    members: list[str]
    judged: dict[str, str]


class ModelSummary(Record):
    """All statistics of one model."""

    model_type: str
    fingerprint: str
    trained_on: str | None
    photos_seen_in_training: int
    near_copies_of_training_photos: int = 0
    taught: list[str] = Field(default_factory=list)
    """The types of damage that it learned from, if it learned from degraded copies."""
    left_out: dict[str, float] = without_interval(
        "it was measured on the validation photos of another training, whose weights tell it", default={}
    )
    """Its accuracy on types of damage, each in a training that left the type out, on other photos; in its weights."""
    photos: int
    overall: PairStatistics
    macro: MacroAccuracy
    groups: dict[str, Accuracy]
    by_degradation: dict[str, PairStatistics]
    type_contrast: TypeContrast | None
    type_contrast_reason: str | None = None
    severity: dict[str, list[SeverityStep]]
    by_severity: dict[str, list[TypeSeverityStep]]
    by_level: dict[str, dict[str, Accuracy]]
    controls: Controls
    calibration: Calibration
    confidence: Confidence
    against_baselines: AgainstBaselines
    monotonicity: dict[str, MonotonicityTest]
    p_test: dict[str, list[CrossPhotoStep]]
    thresholds: dict[str, Threshold]
    visibility: dict[str, Visibility]
    strata: dict[str, dict[str, Stratum]]
    repeatability: Repeatability
    failures: dict[str, int]
    not_applicable: dict[str, dict[str, int]] = Field(default_factory=dict)
    """The pairs whose degraded copy cannot be made of that photo, by type and reason; they are no failures."""
    semantic_effects: list[SemanticEffect] = Field(default_factory=list)
    ensemble: EnsembleFacts | None = None
    """The members, None of a model that combines none."""
    failures_by_type: dict[str, TypeMistakes]
