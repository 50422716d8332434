"""One model, asked about everything that people said about the photos of a set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor

from iqbench.benchmark.plan import built_in_photo
from iqbench.datasets.labelled import photos_of
from iqbench.errors import UsageError
from iqbench.evaluation.predictions import mean_of_shares, pair_predictions, vote_predictions
from iqbench.evaluation.vote_scale import PredictsVotes, VoteScale, vote_scale
from iqbench.inference.encoding import Encodings, encode_photos
from iqbench.inference.engine_config import Settings
from iqbench.interfaces import SHA_DIGITS, QualityModel
from iqbench.labels import LabelTable, PairTable, pairs_from_votes


@dataclass(frozen=True)
class Questions:
    """What a model is asked about photos that have votes, beside its score.

    Args:
        pairs_per_photo: Partners that each photo gets where votes are turned into pairs.
        min_difference: Mean votes of such pairs differ by at least this.
        anchors: A judge that only compares is asked about each photo and at most so many others.
        seed: Which partners, and which others.

    Raises:
        UsageError: If a setting makes no sense.
    """

    pairs_per_photo: int
    min_difference: float
    anchors: int
    seed: int

    def __post_init__(self) -> None:
        if self.pairs_per_photo < 1:
            raise UsageError(f"pairs_per_photo={self.pairs_per_photo}: must be 1 or more")
        if not 0 <= self.min_difference < 9:
            raise UsageError(f"min_difference={self.min_difference}: mean votes differ by 0 to 9")
        if self.anchors < 2:
            raise UsageError(f"anchors={self.anchors}: must be 2 or more")


@dataclass(frozen=True)
class Answers:
    """What a model said: a row a label, and what is known of each photo.

    ``made_pairs`` are pairs made from votes, None where the labels are pairs themselves.
    """

    predictions: pd.DataFrame
    made_pairs: pd.DataFrame | None
    photos: pd.DataFrame
    scale: VoteScale

    @property
    def failures(self) -> dict[str, int]:
        """How many labels have no answer, by status."""
        failed = self.predictions["status"][self.predictions["status"] != "ok"].value_counts()
        return {str(status): int(failed[status]) for status in sorted(failed.index)}


def interview(
    model: QualityModel,
    trained_on: Mapping[str, Any],
    table: LabelTable,
    questions: Questions,
    settings: Settings,
    description: str,
) -> Answers:
    """Ask the model about every label, each photo read once.

    Args:
        model: The judge, on its device.
        trained_on: What it was trained on, as far as it says.
        table: The labels.
        questions: What is asked about votes.
        settings: How the machine is used.
        description: What the progress bar says.
    """
    files, device = photos_of([table]), settings.torch_device
    if isinstance(table, PairTable):
        encodings = encode_photos(model, files, settings, description)
        rows = pair_predictions(model, table, encodings, device)
        return Answers(rows, None, _marked(encodings, trained_on), VoteScale("score", "nobody voted"))
    scale = vote_scale(model, trained_on, built_in_photo(), device)
    shares = _shares(model) if scale.predicts == "shares" and isinstance(model, PredictsVotes) else None
    found = encode_photos(model, files, settings, description, encode=shares)
    encodings = found if shares is None else mean_of_shares(found)
    predicted = None if shares is None else found.values
    rows = vote_predictions(model, table, encodings, device, predicted, questions.anchors, questions.seed)
    pairs = pairs_from_votes(table, questions.pairs_per_photo, questions.min_difference, questions.seed)
    made = pair_predictions(model, pairs, encodings, device)
    return Answers(rows, made, _marked(encodings, trained_on), scale)


def _shares(model: PredictsVotes) -> Callable[[Tensor], Tensor]:
    """Return what the model is asked instead of for its score, which is the mean of the answer."""

    def shares(inputs: Tensor) -> Tensor:
        found = model.shares(inputs)
        assert found is not None
        return found

    return shares


def _marked(encodings: Encodings, trained_on: Mapping[str, Any]) -> pd.DataFrame:
    """Return the photos' facts with a mark on those that the model learned from or was chosen by."""
    photos, known = encodings.photos, set(trained_on.get("photos", []))
    return photos.assign(seen_in_training=photos["sha256"].str[:SHA_DIGITS].isin(known).astype(bool))
