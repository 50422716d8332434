"""Tables of predictions: a row per label with the people's answer and the model's answer, or the reason for none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from iqbench.evaluation.answers import PREDICTED_VOTES, TRUE_VOTES
from iqbench.evaluation.encoded_model import EncodedModel
from iqbench.hash_sampling import hash_order
from iqbench.inference.encoding import Encodings
from iqbench.inference.failures import Failure
from iqbench.labels import RATINGS, PairTable, ScoreTable, VoteTable
from iqbench.metrics.pairs import hits

NO_NUMBER = "the model's answer is NaN or infinity"
NO_ANCHOR = "there is no other photo to compare it with"


def pair_predictions(judge: EncodedModel, pairs: PairTable) -> pd.DataFrame:
    """Return a row per pair, whatever became of its photos.

    The protocol decides how the answers in both orders become a margin; ``order_consistent`` tells
    whether both name the same photo.
    """
    photos, encoded = judge.encodings.photos, judge.encodings.encoded
    places = judge.places(pairs.photos)
    first, second = places[pairs.first], places[pairs.second]
    both = encoded[first] & encoded[second]
    margins, consistent = np.full((2, len(pairs)), np.nan)
    margins[both], consistent[both], failures = judge.compare(first[both], second[both])
    a, b = (photos.iloc[at].reset_index(drop=True) for at in (first, second))
    ok = a["status"] == "ok"
    rows = pd.DataFrame({"first": a["photo"], "second": b["photo"], "series": pairs.series})
    rows["preference"], rows["weight"], rows["margin"] = pairs.preference, pairs.weight, margins
    rows["correct"] = hits(margins, pairs.preference, judge.protocol.tie_worth)
    rows["order_consistent"] = pd.array(consistent == 1, dtype="boolean")
    rows["status"] = a["status"].where(~ok, b["status"])
    rows["error"] = _named_errors(a).where(~ok, _named_errors(b))
    _record_failures(rows, np.flatnonzero(both), failures)
    rows = _nonfinite(rows, "margin", NO_NUMBER)
    rows["order_consistent"] = rows["order_consistent"].mask(rows["margin"].isna())
    rows["score_first"], rows["score_second"] = judge.scores(first), judge.scores(second)
    return rows[[*(column for column in rows if column not in ("status", "error")), "status", "error"]]


def vote_predictions(
    judge: EncodedModel, votes: VoteTable | ScoreTable, shares: Float[Tensor, "n 10"] | None, anchors: int, seed: int
) -> pd.DataFrame:
    """Return a row per photo with votes or a mean opinion, whatever became of it.

    ``predicted`` is the score. A model that only compares has none: each photo is compared with the
    anchors, which are some of the photos, and ``predicted`` is the mean probability that it is the better one.

    Args:
        judge: The model with the encodings.
        votes: The labels.
        shares: The predicted share of each rating, a row per encoding, if the model predicts votes.
        anchors: The largest number of anchors.
        seed: Seed of the choice of anchors.
    """
    places = judge.places(votes.photos)
    encoded = judge.encodings.encoded[places]
    photos = judge.encodings.photos.iloc[places].reset_index(drop=True)
    predicted = judge.scores(places)
    failures: dict[int, Failure] = {}
    if not judge.has_scores:
        order = hash_order([photo.name for photo in votes.photos], seed)
        chosen = np.sort(places[order[encoded[order]][:anchors]])
        predicted[encoded], failures = judge.preferences(places[encoded], chosen)
    rows = pd.DataFrame({"photo": photos["photo"], "true": votes.means, "predicted": predicted})
    if isinstance(votes, VoteTable):
        rows[TRUE_VOTES] = votes.counts
    else:
        rows["sd"] = votes.sd
    if shares is not None:
        rows[PREDICTED_VOTES] = np.where(encoded[:, None], shares.double().numpy()[places], np.nan)
    rows["status"], rows["error"] = photos["status"], photos["error"]
    _record_failures(rows, np.flatnonzero(encoded), failures)
    alone = not judge.has_scores and encoded.sum() < 2
    return _nonfinite(rows, "predicted", NO_ANCHOR if alone else NO_NUMBER)


def mean_of_shares(encodings: Encodings) -> Encodings:
    """Return encodings that are shares of votes as the encodings of a scorer: the mean vote of each photo."""
    ratings = torch.as_tensor(RATINGS, dtype=torch.float64)
    return replace(encodings, values=(encodings.values.double() @ ratings).unsqueeze(1))


def _record_failures(rows: pd.DataFrame, places: Int[np.ndarray, "n"], failures: dict[int, Failure]) -> None:
    """Write the model's failures into the rows; the failures are numbered among ``places``."""
    for at, (status, error) in failures.items():
        rows.loc[places[at], ["status", "error"]] = status, error  # pandas takes a named tuple for one value


def _named_errors(photos: pd.DataFrame) -> "pd.Series[str]":
    """Return the error of each photo after its name."""
    return photos["photo"] + ": " + photos["error"]


def _nonfinite(rows: pd.DataFrame, column: str, reason: str) -> pd.DataFrame:
    """Return the rows with the status ``nonfinite`` where an ``ok`` row holds no number, and no error where it does."""
    ok, number = rows["status"] == "ok", np.isfinite(rows[column])
    lost: Bool[np.ndarray, n] = (ok & ~number).to_numpy(bool)
    rows[column] = rows[column].where(number)
    rows["status"] = rows["status"].mask(lost, "nonfinite")
    rows["error"] = rows["error"].where(~ok | lost, "").mask(lost, reason)
    return rows
