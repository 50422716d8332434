"""Predict every label of a set with one model."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
from jaxtyping import Shaped
from torch import Tensor

from iqbench.datasets.labelled import photos_of
from iqbench.errors import UsageError
from iqbench.evaluation.encoded_model import EncodedModel
from iqbench.evaluation.label_clusters import photo_clusters
from iqbench.evaluation.predictions import mean_of_shares, pair_predictions, vote_predictions
from iqbench.evaluation.vote_scale import PredictsVotes, VoteScale, vote_scale
from iqbench.inference.encoding import Encodings, encode_photos
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import ClusterChoice, QualityModel
from iqbench.labels import LabelTable, PairTable, ScoreTable, pairs_from_votes
from iqbench.protocol import Protocol
from iqbench.training_provenance import TrainingPhotos, training_provenance


@dataclass(frozen=True)
class Questions:
    """The questions about photos with votes, besides their score.

    Args:
        pairs_per_photo: Partners of each photo where votes are turned into pairs.
        min_difference: Smallest difference of the mean votes in such a pair.
        anchors: Largest number of photos that each photo is compared with, for a model without scores.
        seed: Seed of the choice of partners and anchors.

    Raises:
        UsageError: If a value is out of range.
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
class Task:
    """The labels to predict, the questions about them, and the rule of verdicts.

    Args:
        table: The labels.
        questions: The questions about photos with votes.
        protocol: The rule by which answers become verdicts.
        cluster: What makes photos one cluster.
    """

    table: LabelTable
    questions: Questions
    protocol: Protocol
    cluster: ClusterChoice


@dataclass(frozen=True)
class Predictions:
    """A model's answers: a row per label, and a row per photo.

    Args:
        rows: A row per label.
        made_pairs: A row per pair made from votes; None where the labels are no votes.
        photos: A row per photo; see `iqbench.inference.encoding.COLUMNS`, and ``seen_in_training``,
            ``near_copy_in_training`` and ``cluster``.
        scale: The scale of the predictions.
        cluster: What makes photos one cluster.
        batch_sizes: See `iqbench.inference.encoding.Encodings`.
    """

    rows: pd.DataFrame
    made_pairs: pd.DataFrame | None
    photos: pd.DataFrame
    scale: VoteScale
    cluster: ClusterChoice
    batch_sizes: tuple[int, ...] = ()


def predict(
    model: QualityModel,
    task: Task,
    settings: EngineConfig,
    description: str,
    picture: Shaped[Tensor, "..."] | None,
) -> Predictions:
    """Return the model's answer to every label; each photo is decoded and encoded once.

    Args:
        model: The judge, on its device.
        task: The labels and the questions.
        settings: The engine config.
        description: The text beside the progress bar.
        picture: A prepared photo, None if no photo can be read.
    """
    files, device = photos_of([task.table]), settings.torch_device
    if isinstance(task.table, ScoreTable):
        return _score_answers(model, task, task.table, settings, description)
    if isinstance(task.table, PairTable):
        encodings = encode_photos(model, files, settings, description)
        rows = pair_predictions(EncodedModel(model, encodings, device, task.protocol), task.table)
        scale = VoteScale("score", "the labels are no votes")
        photos = _marked(encodings, model, task.cluster)
        return Predictions(rows, None, photos, scale, task.cluster, encodings.batch_sizes)
    questions = task.questions
    scale = vote_scale(model, training_provenance(model), picture, device)
    shares = _shares(model) if scale.predicts == "shares" and isinstance(model, PredictsVotes) else None
    encodings = encode_photos(model, files, settings, description, encode=shares)
    judge = EncodedModel(model, mean_of_shares(encodings) if shares else encodings, device, task.protocol)
    predicted = encodings.values if shares else None
    rows = vote_predictions(judge, task.table, predicted, questions.anchors, questions.seed)
    pairs = pairs_from_votes(task.table, questions.pairs_per_photo, questions.min_difference, questions.seed)
    photos = _marked(encodings, model, task.cluster)
    return Predictions(rows, pair_predictions(judge, pairs), photos, scale, task.cluster, encodings.batch_sizes)


def _score_answers(
    model: QualityModel, task: Task, table: ScoreTable, settings: EngineConfig, description: str
) -> Predictions:
    """Return the model's scores of photos with mean opinions."""
    encodings = encode_photos(model, photos_of([table]), settings, description)
    judge = EncodedModel(model, encodings, settings.torch_device, task.protocol)
    rows = vote_predictions(judge, table, None, task.questions.anchors, task.questions.seed)
    scale = VoteScale("score" if judge.has_scores else "preference", "the labels are no votes")
    series = {photo.name: photo.series for photo in table.photos}
    with_series = replace(encodings, photos=encodings.photos.assign(series=encodings.photos["photo"].map(series)))
    photos = _marked(with_series, model, task.cluster).drop(columns="series")
    return Predictions(rows, None, photos, scale, task.cluster, encodings.batch_sizes)


def _shares(model: PredictsVotes) -> Callable[[Tensor], Tensor]:
    """Return a function that encodes photos as shares of votes, whose mean is the score."""

    def shares(inputs: Tensor) -> Tensor:
        predicted = model.shares(inputs)
        assert predicted is not None
        return predicted

    return shares


def _marked(encodings: Encodings, model: QualityModel, by: ClusterChoice) -> pd.DataFrame:
    """Return the table of photos with the clusters, and marks on those that training or checkpoint selection used.

    A near-copy is of other bytes than any of these.
    """
    photos, training = encodings.photos, TrainingPhotos.of(model)
    seen = pd.Series([training.include(sha) for sha in _without_na(photos["sha256"])], photos.index, dtype=bool)
    near = pd.Series([training.resemble(look) for look in _without_na(photos["look"])], photos.index, dtype=bool)
    clusters = photo_clusters(photos, by)
    return photos.assign(seen_in_training=seen, cluster=clusters, near_copy_in_training=near & ~seen)


def _without_na(texts: "pd.Series[str]") -> list[str | None]:
    return [None if pd.isna(text) else text for text in texts]
