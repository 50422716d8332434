"""The typed result of a label audit: the content of doctor.json, versioned and with a published JSON schema."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, JsonValue

from iqbench.records import Record
from iqbench.statistics.estimate import Estimate

FILE_NAME = "doctor.json"

Severity = Literal["ok", "note", "warning", "refused"]
"""No fault; something to know; something to look at; labels that must not be used for training or evaluation."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class Finding(Record):
    """One line about the labels, its severity, and the numbers in it."""

    severity: Severity
    about: str
    text: str
    numbers: dict[str, int | float | None] = Field(default_factory=dict)

    @classmethod
    def ok(cls, about: str, text: str, **numbers: float | None) -> Self:
        """Return a finding that there is no fault."""
        return cls(severity="ok", about=about, text=text, numbers=numbers)

    @classmethod
    def note(cls, about: str, text: str, **numbers: float | None) -> Self:
        """Return something to know."""
        return cls(severity="note", about=about, text=text, numbers=numbers)

    @classmethod
    def warning(cls, about: str, text: str, **numbers: float | None) -> Self:
        """Return something to look at."""
        return cls(severity="warning", about=about, text=text, numbers=numbers)

    @classmethod
    def refusal(cls, about: str, text: str, **numbers: float | None) -> Self:
        """Return a fault because of which the labels must not be used."""
        return cls(severity="refused", about=about, text=text, numbers=numbers)


class SharpnessAgreement(Estimate):
    """The agreement of sharpness alone with the labels: its accuracy on pairs, or its SRCC with mean votes."""

    measure: Literal["accuracy", "srcc"]


class SplitStatistics(Record):
    """Counts of one split, with the labels as the files have them."""

    labels: int
    photos: int
    unusable_photos: dict[str, int]
    labels_lost: int
    sharpness: SharpnessAgreement | None = None


class PairStatistics(SplitStatistics):
    """The counts of a split of pairs."""

    kind: Literal["pairs"] = "pairs"
    constant_accuracy: float | None
    series: int
    first_better: int
    second_better: int
    no_winner: int
    agreement_at_least: dict[str, int]


class VotesPerPhoto(Record):
    """The number of votes per photo."""

    mean: float
    least: int
    most: int


class VoteStatistics(SplitStatistics):
    """The counts of a split of photos with votes; None where there are no photos."""

    kind: Literal["votes"] = "votes"
    mean: float | None
    sd: float | None
    votes_per_photo: VotesPerPhoto | None
    good: float | None
    constant_accuracy: float | None = None


class ScoreStatistics(SplitStatistics):
    """The counts of a split of photos with mean opinions; None where there are no photos."""

    kind: Literal["scores"] = "scores"
    references: int
    mean: float | None
    sd: float | None
    lowest: float | None
    highest: float | None


class LabelAudit(Record):
    """The result of a label audit.

    Raises:
        pydantic.ValidationError: If a value has the wrong type, or a key is unknown.
    """

    schema_version: Literal[2] = 2
    iqbench: str
    data: str
    settings: dict[str, JsonValue]
    refused: list[str]
    warnings: int
    findings: list[Finding]
    splits: dict[str, Annotated[PairStatistics | VoteStatistics | ScoreStatistics, Field(discriminator="kind")]]
