"""The answers of a model about labels, checked and sorted, so that no result depends on their order."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.labels import RATINGS
from iqbench.protocol import OWN_FAULTS

PREDICTED_VOTES = [f"p{rating}" for rating in RATINGS]
TRUE_VOTES = [f"t{rating}" for rating in RATINGS]


def pair_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers about pairs, sorted; the columns are those of `iqbench.evaluation.agreement.pair_agreement`.

    Raises:
        ValueError: If a preference is not a probability, or a weight is negative.
    """
    columns = ["series", "first", "second", "preference", "weight", "margin", "status"]
    columns += [name for name in ("one_voter", "order_consistent") if name in answers]
    numbers = [name for name in columns if name not in ("series", "first", "second", "status")]
    columns += [f"{side}_cluster" for side in ("first", "second") if f"{side}_cluster" in answers]
    pairs = answers[columns].astype({"series": str, **dict.fromkeys(numbers, float)})
    if not pairs["preference"].between(0, 1).all():
        raise ValueError("a preference must be from 0 to 1")
    if not (np.isfinite(pairs["weight"]) & (pairs["weight"] >= 0)).all():
        raise ValueError("a weight must be 0 or more")
    return _checked(pairs, ["margin"]).sort_values(columns, kind="stable", ignore_index=True)


def vote_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers about photos, sorted; the columns are those of `iqbench.evaluation.agreement.vote_agreement`.

    Raises:
        ValueError: If a true mean vote is missing.
        UsageError: If a photo has two rows.
    """
    votes = [*PREDICTED_VOTES, *TRUE_VOTES] if has_predicted_votes(answers) else []
    photos = answers[["photo", "true", "predicted", "status", *votes]]
    photos = photos.assign(photo_cluster=answers.get("photo_cluster", answers["photo"]))
    photos = photos.astype(dict.fromkeys(["true", "predicted", *votes], float))
    if not np.isfinite(photos["true"]).all():
        raise ValueError("a true mean vote is missing")
    for name in photos["photo"][photos["photo"].duplicated()].tolist()[:1]:
        raise UsageError(f"{name}: has two rows of answers; a photo has one")
    photos = _checked(photos, ["predicted", *(PREDICTED_VOTES if votes else [])])
    return photos.sort_values("photo", ignore_index=True)


def with_clusters(answers: pd.DataFrame, photos: pd.DataFrame) -> pd.DataFrame:
    """Return answers with the cluster of each photo: ``first_cluster`` and ``second_cluster``, or ``photo_cluster``.

    Args:
        answers: A row per pair, or per photo.
        photos: A row per photo with the columns photo and cluster.
    """
    cluster = dict(zip(photos["photo"], photos["cluster"], strict=True))
    sides = ("first", "second") if "first" in answers else ("photo",)
    return answers.assign(**{f"{side}_cluster": answers[side].map(cluster) for side in sides})


def unanswered(answers: pd.DataFrame) -> "pd.Series[bool]":
    """Return which labels the model was asked about and did not answer, by its own fault."""
    return answers["status"].isin(OWN_FAULTS)


def with_average_answers(photos: pd.DataFrame) -> pd.DataFrame:
    """Return answers about photos in which a photo that the model owes a score has the mean of its answers, ``owed``.

    That says nothing of the photo, as a tie says nothing of a pair. A model without any answer owes none.

    Args:
        photos: From `vote_answers`.
    """
    answered, owed = photos["status"] == "ok", unanswered(photos)
    owed &= bool(answered.any())
    filled = photos.assign(owed=owed, status=photos["status"].mask(owed, "ok"))
    for column in ["predicted", *(PREDICTED_VOTES if has_predicted_votes(photos) else [])]:
        filled[column] = photos[column].mask(owed, photos[column][answered].mean())
    return filled


def has_predicted_votes(answers: pd.DataFrame) -> bool:
    """Return whether the model predicted the share of each rating."""
    return PREDICTED_VOTES[0] in answers


def failures(answers: pd.DataFrame) -> dict[str, int]:
    """Return the number of failed answers by status."""
    failed = answers["status"][answers["status"] != "ok"]
    return {str(status): int(count) for status, count in failed.value_counts().sort_index().items()}


def _checked(answers: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the answers, with the status ``nonfinite`` where an ``ok`` answer lacks a number in one of the columns."""
    empty = (answers["status"] == "ok") & ~np.isfinite(answers[list(columns)].to_numpy(np.float64)).all(axis=1)
    return answers.assign(status=answers["status"].mask(empty, "nonfinite"))
