"""The typed measures of an evaluation: how well one judge agrees with people, and how two judges compare."""

from typing import Literal

from pydantic import ConfigDict, Field

from iqbench.records import Record, without_interval
from iqbench.results.summary import BootstrapSettings
from iqbench.statistics.estimate import ALPHA, P_VALUE, Estimate

EDGE, OF_JUDGE = (
    "an edge of the bin",
    "the interval of the difference tells what is known; each judge has its own measure",
)
"""Why a number has no interval."""

KnownVotes = Literal["counted", "many", "unknown"]
"""How far the number of votes per pair is known: counted, taken for many, or nothing."""


class ClusterBootstrap(BootstrapSettings):
    """The resampling behind the intervals: the unit that is resampled, the number of units, the resamples and the seed.

    Proportions have intervals over these units that need no resamples.
    """

    units: int


class AgreementBin(Estimate):
    """The accuracy on pairs on which people agree from ``low`` to just below ``high`` (the last bin: up to 1)."""

    low: float = without_interval(EDGE)
    high: float = without_interval(EDGE)


class TopOne(Estimate):
    """The share of series whose best photo the model ranks first, and what a random choice would get (``chance``)."""

    chance: float | None = without_interval("follows from the sizes of these series", None)


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
    """The agreement of a judge with preferences between two photos.

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
    """Photos, those that the judge scored, and its failures by status.

    ``unanswered`` is the number of photos that can be read, and that the judge did not score. They count with its
    average answer.
    """

    photos: int
    judged: int
    unanswered: int
    failures: dict[str, int]


class VoteAgreement(Agreement):
    """The agreement of a judge with votes on single photos, and on pairs made from them.

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


class ScoreAgreement(Agreement):
    """The agreement of a judge with mean opinions of single photos, on the scale of their set.

    ``plcc_logistic`` and ``rmse_logistic`` compare opinions with a logistic curve of the judge's scores (see
    `iqbench.metrics.logistic`), ``plcc`` with the scores themselves.
    """

    kind: Literal["scores"] = "scores"
    counts: VoteCounts
    srcc: Estimate
    plcc: Estimate
    plcc_logistic: Estimate
    krcc: CappedEstimate
    rmse_logistic: Estimate
    predicts: Literal["score", "preference"]


class PairedDifference(Estimate):
    """The difference of two judges (``a`` minus ``b``) on the labels that both were asked about.

    ``p`` is that of "no difference" alone; it is below 5 % exactly where the interval excludes 0. ``method`` is the
    test: signs of independent series are flipped, or photos are resampled, ``resampling.resamples`` times.
    ``unanswered`` is the number of labels that one of the two owes an answer, each a tie, or a photo with the average
    score; ``left_out`` is that of the labels that are not compared. ``least_difference`` is what such a sample shows
    with a power of 80 %.
    """

    measure: Literal["accuracy", "srcc"]
    a: float | None = without_interval(OF_JUDGE)
    b: float | None = without_interval(OF_JUDGE)
    p: float | None = without_interval(P_VALUE)
    p_reason: str | None = None
    least_difference: float | None = without_interval("a property of the sample's size and spread", None)
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
    """The difference from the best baseline. ``shown`` is True where ``p_corrected`` is below 5 % and a model ahead.

    ``p_corrected`` is corrected for all models of the set (Holm). The best baseline has the most luck of all, which
    is no help to a model that is ahead of it; p of a model behind it is corrected for all baselines as well (step-down
    max-T).
    """

    baseline: str | None
    p_corrected: float | None = without_interval(P_VALUE)
    p_corrected_reason: str | None = None
    shown: bool
    verdict: str


class ModelComparison(PairedDifference):
    """The difference of two models, with its p-value corrected for all pairs of models of the set (step-down max-T).

    ``least_difference`` is corrected in the same way.
    """

    models: tuple[str, str]
    p_corrected: float | None = without_interval(P_VALUE, None)
    p_corrected_reason: str | None = None
    better: str | None = None
    verdict: str
