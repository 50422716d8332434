"""The typed summary of a resolution test: the content of resolution.json."""

from pathlib import Path

from pydantic import Field, ValidationError

from iqbench.errors import UsageError
from iqbench.protocol import Protocol
from iqbench.records import Record
from iqbench.results.cluster_summary import Clusters
from iqbench.results.summary import FailedJob
from iqbench.statistics.estimate import Accuracy, Estimate, Share

FILE_NAME = "resolution.json"
SCHEMA_VERSION = 1

FULL = "full"
"""The name of a photo's own size."""


class ResolutionStep(Record):
    """A model's answers at one size.

    ``size`` is the longest side in pixels, or ``full``. Photos count that are larger. All changes compare the answers
    about the same photos at this size and at full size.
    """

    size: str
    photos: int
    accuracy: Accuracy
    """Share of originals preferred to their copies, both at this size."""
    accuracy_change: Estimate
    same_verdict: Share
    """Share of pairs with the verdict of the full size."""
    larger_preferred: Share
    """Share of photos preferred in full size to themselves at this size; a tie counts half."""
    score_change: Estimate
    """Mean change of an original's score, in the model's own units."""
    by_type: dict[str, Accuracy]


class ModelResolution(Record):
    """A model in the resolution test.

    ``holds`` is the share of pairs with one verdict at all their sizes, of the pairs answered at two sizes or more.
    """

    fingerprint: str
    holds: Share
    holds_by_type: dict[str, Share]
    steps: list[ResolutionStep]
    failures: dict[str, int]
    """Questions without an answer, by status."""


class ResolutionSummary(Record):
    """All models of a resolution test."""

    schema_version: int = SCHEMA_VERSION
    iqbench: str
    complete: bool = True
    failed_jobs: list[FailedJob] = Field(default_factory=list)
    protocol: Protocol
    sizes: list[str]
    photos: int
    clusters: Clusters
    models: dict[str, ModelResolution]


def read_resolution(folder: Path) -> ResolutionSummary:
    """Return the summary in a folder.

    Raises:
        UsageError: If there is none, or it is damaged or of another version.
    """
    try:
        return ResolutionSummary.model_validate_json((folder / FILE_NAME).read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(f"{folder / FILE_NAME}: cannot be read ({' '.join(str(error).split())[:160]})") from error
