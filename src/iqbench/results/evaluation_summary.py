"""The typed summary of an evaluation: the content of evaluation.json, versioned and with a published JSON schema."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from iqbench.errors import UsageError
from iqbench.protocol import Protocol
from iqbench.records import Record
from iqbench.results.summary import BootstrapSettings, FailedJob
from iqbench.statistics.estimate import ALPHA, Estimate

FILE_NAME = "evaluation.json"
SCHEMA_VERSION = 3

KnownVotes = Literal["counted", "many", "unknown"]
"""How far the number of votes per pair is known: counted, taken for many, or nothing."""


class ClusterBootstrap(BootstrapSettings):
    """The resampling behind the intervals: the unit that is resampled, the number of units, the resamples and the seed.

    Proportions have intervals over these units that need no resamples.
    """

    units: int


class AgreementBin(Estimate):
    """The accuracy on pairs on which people agree from ``low`` to just below ``high`` (the last bin: up to 1)."""

    low: float
    high: float


class TopOne(Estimate):
    """The share of series whose best photo the model ranks first, and what a random choice would get (``chance``)."""

    chance: float | None = None


class SeriesCorrelation(Estimate):
    """A mean correlation inside series, and the number of series in which it is undefined."""

    undefined_series: int = Field(default=0, alias="undefined")


class CappedEstimate(Estimate):
    """A measure whose number of resamples is capped, since each one is slow."""

    resamples: int = 0


class Agreement(Record):
    """The measures of one judge against people. A measure that is not declared here is an extra field.

    Each measure is an `Estimate` with ``value``, ``interval``, ``n`` and the reason for what is None.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Estimate | SeriesCorrelation | CappedEstimate] = Field(init=False)

    bootstrap: ClusterBootstrap

    @property
    def measures(self) -> dict[str, Estimate]:
        """Every measure by its name, extra fields included."""
        return {name: value for name, value in self if isinstance(value, Estimate)}


class PairCounts(Record):
    """Pairs, photos and series; the pairs that the judge answered; and its failures by status.

    ``unanswered`` is the number of pairs whose photos can be read, and that the judge did not answer. They count
    as ties.
    """

    pairs: int
    without_winner: int
    series: int
    photos: int
    judged: int
    judged_without_winner: int
    unanswered: int
    ties: int
    incomplete_series: int
    failures: dict[str, int]


class PairAgreement(Agreement):
    """How well a judge agrees with preferences between two photos.

    ``voter_agreement`` is the share of voters who agree with the judge. A voter in the judge's place would reach
    ``one_voter_agreement``, the chance to agree with another voter; no judge exceeds ``best_voter_agreement``, that
    of the majority. ``votes_per_pair`` tells whether the votes of each pair were counted, or are taken for many.
    """

    kind: Literal["pairs"] = "pairs"
    counts: PairCounts
    accuracy: Estimate
    constant_accuracy: Estimate
    voter_agreement: Estimate
    one_voter_agreement: Estimate | None = None
    best_voter_agreement: Estimate
    votes_per_pair: KnownVotes | None = None
    cross_entropy: Estimate
    tie_rate: Estimate
    accuracy_by_agreement: list[AgreementBin]
    top_1: TopOne
    kendall_in_series: SeriesCorrelation
    order_consistency: Estimate


class VoteCounts(Record):
    """Photos, those that the judge scored, and its failures by status."""

    photos: int
    judged: int
    failures: dict[str, int]


class VoteAgreement(Agreement):
    """How well a judge agrees with votes on single photos, and on pairs made from them.

    ``reliability`` is the SRCC of as many other voters with these, and ``ceiling`` that of the best possible judge.
    """

    kind: Literal["votes"] = "votes"
    counts: VoteCounts
    srcc: Estimate
    plcc: Estimate
    krcc: CappedEstimate
    rmse: Estimate
    emd: Estimate
    binary_accuracy: Estimate
    binary_constant_accuracy: Estimate
    reliability: CappedEstimate | None = None
    ceiling: CappedEstimate | None = None
    predicts: Literal["shares", "mean", "score", "preference"]
    pairs_from_votes: PairAgreement | None = None


class PairedDifference(Estimate):
    """The difference of two judges (``a`` minus ``b``) on the labels that both were asked about.

    ``p`` is that of "no difference" alone; it is below 5 % exactly where the interval excludes 0. ``method`` is the
    test: signs of independent series are flipped, or photos are resampled, ``resampling.resamples`` times.
    ``unanswered`` is the number of pairs that one of the two owes an answer, each a tie; ``left_out`` is that of
    the labels that are not compared. ``least_difference`` is what such a sample shows with a power of 80 %.
    """

    measure: Literal["accuracy", "srcc"]
    a: float | None
    b: float | None
    p: float | None
    p_reason: str | None = None
    least_difference: float | None = None
    least_difference_reason: str | None = None
    unanswered: int = 0
    left_out: int
    method: Literal["sign flips", "bootstrap"] | None = None
    resampling: ClusterBootstrap | None = None

    @property
    def ahead(self) -> Literal["a", "b"] | None:
        """The judge that is better by ``p`` alone and the interval, None where no difference is shown."""
        if self.p is None or self.p >= ALPHA or self.interval is None:
            return None
        return "a" if self.interval[0] > 0 else "b" if self.interval[1] < 0 else None


class AgainstBestBaseline(PairedDifference):
    """The difference from the best baseline. ``shown`` is True where p is below 5 % and the interval above 0."""

    baseline: str | None
    shown: bool
    verdict: str


class ModelComparison(PairedDifference):
    """The difference of two models, with its p-value corrected for all pairs of models of the set (step-down max-T).

    ``least_difference`` is corrected in the same way.
    """

    models: tuple[str, str]
    p_corrected: float | None = None
    p_corrected_reason: str | None = None
    better: str | None = None
    verdict: str


class EvaluatedModel(Record):
    """A model's provenance, and its comparison with the best baseline."""

    fingerprint: str
    model_type: str
    trained_on: dict[str, JsonValue] | None
    photos_seen_in_training: int | None
    photos_seen_in_training_reason: str | None = None
    against_best_baseline: AgainstBestBaseline

    @property
    def training_data(self) -> str:
        """The name of the training data, or "" if the model has none or does not name it."""
        return str((self.trained_on or {}).get("what") or "")


class PairModel(EvaluatedModel, PairAgreement):
    """A model that was evaluated on pairs."""


class VoteModel(EvaluatedModel, VoteAgreement):
    """A model that was evaluated on votes."""


class PhotoCounts(Record):
    """The photos of the labels: how many could be read, how many are copies of another, failures by status."""

    planned: int
    read: int
    copies: int
    failures: dict[str, int]


class EvaluatedSet(Record):
    """All models on one set of labels, and the baselines on the answers of one model."""

    data: str
    split: str
    labels: str
    kind: Literal["pairs", "votes"]
    photos: PhotoCounts
    models: dict[str, Annotated[PairModel | VoteModel, Field(discriminator="kind")]]
    baselines: dict[str, Annotated[PairAgreement | VoteAgreement, Field(discriminator="kind")]]
    baselines_answer_the_rows_of: str
    differences: list[ModelComparison]

    @property
    def first_model(self) -> PairModel | VoteModel:
        """The model that was evaluated first; the labels are the same for all."""
        return next(iter(self.models.values()))


class EvaluationIdentity(Record):
    """Everything that the answers of one evaluation depend on."""

    model_name: str
    model_fingerprint: str
    data: str
    split: str
    labels: str
    protocol: Protocol
    precision: str
    questions: dict[str, JsonValue]
    versions: dict[str, str]


class EvaluationDetails(Record):
    """Further facts about one evaluation, for readers."""

    model_type: str
    trained_on: dict[str, JsonValue] | None
    config: dict[str, JsonValue]


class EvaluationRun(Record):
    """One evaluation: one model on one set of labels."""

    identity: EvaluationIdentity
    details: EvaluationDetails


class EvaluationSummary(Record):
    """The summary of one or several evaluations: the source of the table, the picture and evaluation.json.

    Raises:
        pydantic.ValidationError: If a value has the wrong type, or a key is unknown.
    """

    schema_version: Literal[3] = 3
    iqbench: str
    complete: bool
    failed_jobs: list[FailedJob]
    protocol: Protocol
    sets: list[EvaluatedSet]
    runs: list[EvaluationRun]


def read_evaluation(folder: Path) -> EvaluationSummary:
    """Return the summary of the evaluation in a folder.

    Raises:
        FileNotFoundError: If there is none.
        UsageError: If it is damaged, or another version of iqbench wrote it.
    """
    file = folder / FILE_NAME
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "sets" in content and content.get("schema_version", 1) != SCHEMA_VERSION:
            raise UsageError(
                f"{file}: iqbench {content.get('iqbench')} wrote it, and only that reads it; evaluate again"
            )
        return EvaluationSummary.model_validate(content)
    except (ValueError, ValidationError) as error:
        raise UsageError(f"{file}: damaged; remove it, or choose another out=") from error
