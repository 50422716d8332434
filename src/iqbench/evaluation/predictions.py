"""A row for every label: what people said, what the model says, or why it says nothing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from scipy.special import expit
from torch import Tensor

from iqbench.evaluation.answers import PREDICTED_VOTES, TRUE_VOTES
from iqbench.hash_sampling import hash_order
from iqbench.inference.batching import Failure, compare_each
from iqbench.inference.encoding import Encodings
from iqbench.interfaces import PhotoFile, QualityModel, Scorer
from iqbench.labels import RATINGS, PairTable, VoteTable
from iqbench.metrics.pairs import hits
from iqbench.progress import track

TIE_MARGIN = 1e-5
"""Margins of at most this size, in the model's own units, are numerical noise and not an opinion."""

NO_NUMBER = "the model's answer is NaN or infinity"

AT_ONCE = 4096
"""Pairs that are compared together."""


def pair_predictions(model: QualityModel, pairs: PairTable, encodings: Encodings, device: torch.device) -> pd.DataFrame:
    """Return what a model says about pairs, a row a pair, whatever became of its photos.

    The model is asked in both orders and half the difference is its margin, so whatever it says for
    standing first cancels; ``order_consistent`` tells whether both answers choose the same photo.

    Args:
        model: The judge.
        pairs: The labels.
        encodings: Of all the photos that the labels speak of.
        device: The model's.
    """
    places = _places(pairs.photos, encodings)
    first, second = places[pairs.first], places[pairs.second]
    both = encodings.known[first] & encodings.known[second]
    forward, backward = np.full((2, len(pairs)), np.nan)
    forward[both], backward[both], failures = _answers(model, encodings, first[both], second[both], device)
    margin = _settled((forward - backward) / 2)
    consistent = pd.array(np.sign(_settled(forward)) == -np.sign(_settled(backward)), dtype="boolean")
    one, other = (encodings.photos.iloc[at].reset_index(drop=True) for at in (first, second))
    ok = one["status"] == "ok"
    rows = pd.DataFrame({"first": one["photo"], "second": other["photo"], "series": pairs.series})
    rows["preference"], rows["weight"], rows["margin"] = pairs.preference, pairs.weight, margin
    rows["correct"] = hits(margin, pairs.preference)
    rows["order_consistent"] = consistent
    rows["status"] = one["status"].where(~ok, other["status"])
    rows["error"] = _of(one).where(~ok, _of(other))
    _mark(rows, np.flatnonzero(both), failures)
    rows = _nonfinite(rows, "margin")
    rows["order_consistent"] = rows["order_consistent"].mask(rows["margin"].isna())
    return _with_scores(rows, model, encodings, {"first": first, "second": second})


def vote_predictions(
    model: QualityModel,
    votes: VoteTable,
    encodings: Encodings,
    device: torch.device,
    shares: Float[Tensor, "n 10"] | None,
    anchors: int,
    seed: int,
) -> pd.DataFrame:
    """Return what a model says about photos that have votes, a row a photo, whatever became of it.

    ``predicted`` is the score. A judge that only compares has none: for it, the photo is compared
    with each of the anchors, some of the photos themselves, and ``predicted`` is the mean probability
    that it is the better one.

    Args:
        model: The judge.
        votes: The labels.
        encodings: Of all the photos that the labels speak of.
        device: The model's.
        shares: The votes it predicts for each photo of ``encodings``, if it does.
        anchors: At most so many photos that each is compared with.
        seed: Which ones.
    """
    places = _places(votes.photos, encodings)
    known = encodings.known[places]
    about = encodings.photos.iloc[places].reset_index(drop=True)
    predicted = np.full(len(votes), np.nan)
    failures: dict[int, Failure] = {}
    if isinstance(model, Scorer):
        predicted[known] = encodings.values[places[known], 0].double().numpy()
    else:
        chosen = hash_order([photo.name for photo in votes.photos], seed)
        chosen = np.sort(places[chosen[known[chosen]][:anchors]])
        predicted[known], failures = _preferred(model, encodings, places[known], chosen, device)
    rows = pd.DataFrame({"photo": about["photo"], "true": votes.means, "predicted": predicted})
    rows[TRUE_VOTES] = votes.counts
    if shares is not None:
        rows[PREDICTED_VOTES] = np.where(known[:, None], shares.double().numpy()[places], np.nan)
    rows["status"], rows["error"] = about["status"], about["error"]
    _mark(rows, np.flatnonzero(known), failures)
    alone = not isinstance(model, Scorer) and known.sum() < 2
    return _nonfinite(rows, "predicted", "there is no other photo to compare it with" if alone else NO_NUMBER)


def mean_of_shares(encodings: Encodings) -> Encodings:
    """Return encodings that are shares of votes as those of a scorer: their mean vote."""
    ratings = torch.as_tensor(RATINGS, dtype=torch.float64)
    return Encodings(encodings.photos, (encodings.values.double() @ ratings).unsqueeze(1))


@torch.inference_mode()
def _answers(
    model: QualityModel,
    encodings: Encodings,
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
    device: torch.device,
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], dict[int, Failure]]:
    """Return the margins for the pairs, and for the same pairs in the other order; NaN, and why, where one fails."""
    forward, backward = np.empty(len(first)), np.empty(len(first))
    failures: dict[int, Failure] = {}
    for start in range(0, len(first), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        one, other = (encodings.values[torch.as_tensor(at[some])].to(device) for at in (first, second))
        for margins, asked in ((forward, (one, other)), (backward, (other, one))):
            for place, found in enumerate(compare_each(model.margin, *asked), start=start):
                margins[place] = np.nan if isinstance(found, tuple) else found
                if isinstance(found, tuple):
                    failures.setdefault(place, found)
    return forward, backward, failures


def _preferred(
    model: QualityModel,
    encodings: Encodings,
    places: Int[np.ndarray, "n"],
    anchors: Int[np.ndarray, "m"],
    device: torch.device,
) -> tuple[Float[np.ndarray, "n"], dict[int, Failure]]:
    """Return the mean probability that each photo is better than an anchor other than itself, NaN if there is none.

    And why there is none, where the model failed.
    """
    means = np.full(len(places), np.nan)
    failures: dict[int, Failure] = {}
    step = max(1, AT_ONCE // max(1, len(anchors)))
    starts = range(0, len(places), step)
    for start in track(starts, f"against {len(anchors)} anchors", len(starts)):
        some = places[start : start + step]
        first, second = np.repeat(some, len(anchors)), np.tile(anchors, len(some))
        forward, backward, failed = _answers(model, encodings, first, second, device)
        chances = expit(_settled((forward - backward) / 2))
        others = (first != second).reshape(len(some), -1)
        sums = np.where(others, chances.reshape(len(some), -1), 0.0).sum(axis=1)
        counts = others.sum(axis=1)
        means[start : start + step] = np.divide(sums, counts, out=np.full(len(some), np.nan), where=counts > 0)
        for pair, failure in failed.items():
            if first[pair] != second[pair]:
                failures.setdefault(start + pair // len(anchors), failure)
    return means, failures


def _mark(rows: pd.DataFrame, places: Int[np.ndarray, "n"], failures: dict[int, Failure]) -> None:
    """Say in the rows of those that the model failed on why; the failures are numbered among ``places``."""
    for at, failure in failures.items():
        rows.loc[places[at], ["status", "error"]] = failure


def _places(photos: Sequence[PhotoFile], encodings: Encodings) -> Int[np.ndarray, "n"]:
    """Return where the photos are among those that were encoded."""
    place = {name: at for at, name in enumerate(encodings.photos["photo"])}
    return np.array([place[photo.name] for photo in photos], dtype=int)


def _settled(margin: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the margins with those that are only noise as 0."""
    return np.where(np.abs(margin) <= TIE_MARGIN, 0.0, margin)


def _of(photos: pd.DataFrame) -> "pd.Series[str]":
    """Return each photo's error with its name."""
    return photos["photo"] + ": " + photos["error"]


def _nonfinite(rows: pd.DataFrame, column: str, reason: str = NO_NUMBER) -> pd.DataFrame:
    """Return the rows with those that are ok but hold no number called so, and nothing in place of the number."""
    ok, number = rows["status"] == "ok", np.isfinite(rows[column])
    lost: Bool[np.ndarray, n] = (ok & ~number).to_numpy(bool)
    rows[column] = rows[column].where(number)
    rows["status"] = rows["status"].mask(lost, "nonfinite")
    rows["error"] = rows["error"].where(~ok | lost, "").mask(lost, reason)
    return rows


def _with_scores(
    rows: pd.DataFrame, model: QualityModel, encodings: Encodings, places: dict[str, Int[np.ndarray, "n"]]
) -> pd.DataFrame:
    """Return the rows with the score of each photo, if the model has one and the photo was encoded."""
    for name, at in places.items():
        scores = np.full(len(rows), np.nan)
        if isinstance(model, Scorer):
            scores = np.where(encodings.known[at], encodings.values[:, 0].double().numpy()[at], np.nan)
        rows[f"score_{name}"] = scores
    last = ["status", "error"]
    return rows[[*(column for column in rows if column not in last), *last]]
