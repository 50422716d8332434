"""The typed summary of an evaluation: the content of evaluation.json, versioned and with a published JSON schema."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, ValidationError

from iqbench.errors import UsageError
from iqbench.protocol import Protocol
from iqbench.records import Record
from iqbench.results.agreement_summary import (
    AgainstBestBaseline,
    ModelComparison,
    PairAgreement,
    ScoreAgreement,
    VoteAgreement,
)
from iqbench.results.cluster_summary import Clusters
from iqbench.results.summary import FailedJob

FILE_NAME = "evaluation.json"
SCHEMA_VERSION = 3


class EvaluatedModel(Record):
    """A model's provenance, and its comparison with the best baseline."""

    fingerprint: str
    model_type: str
    trained_on: dict[str, JsonValue] | None
    photos_seen_in_training: int | None
    photos_seen_in_training_reason: str | None = None
    near_copies_of_training_photos: int = 0
    against_best_baseline: AgainstBestBaseline

    @property
    def training_data(self) -> str:
        """The name of the training data, or "" if the model has none or does not name it."""
        return str((self.trained_on or {}).get("what") or "")


class PairModel(EvaluatedModel, PairAgreement):
    """A model that was evaluated on pairs."""


class VoteModel(EvaluatedModel, VoteAgreement):
    """A model that was evaluated on votes."""


class ScoreModel(EvaluatedModel, ScoreAgreement):
    """A model that was evaluated on mean opinions."""


class PhotoCounts(Record):
    """The photos of the labels: how many could be read, how many are copies of another, failures by status."""

    planned: int
    read: int
    copies: int
    failures: dict[str, int]


class EvaluatedSet(Record):
    """All models on one set of labels, the clusters of its photos, and the baselines on the answers of one model."""

    data: str
    split: str
    labels: str
    kind: Literal["pairs", "votes", "scores"]
    photos: PhotoCounts
    clusters: Clusters
    models: dict[str, Annotated[PairModel | VoteModel | ScoreModel, Field(discriminator="kind")]]
    baselines: dict[str, Annotated[PairAgreement | VoteAgreement | ScoreAgreement, Field(discriminator="kind")]]
    baselines_answer_the_rows_of: str
    differences: list[ModelComparison]

    @property
    def first_model(self) -> PairModel | VoteModel | ScoreModel:
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
    batch_sizes: tuple[int, ...] = ()
    """The size of the batches and the one to which it fell for want of memory, since the last bits depend on it."""


class EvaluationRun(Record):
    """One evaluation: one model on one set of labels."""

    identity: EvaluationIdentity
    details: EvaluationDetails

    def with_batch_sizes(self, sizes: tuple[int, ...]) -> Self:
        """Return the evaluation with the sizes that its batches had; see `EvaluationDetails`."""
        return self.model_copy(update={"details": self.details.model_copy(update={"batch_sizes": sizes})})


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
