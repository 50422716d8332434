"""Judges that look at no picture, or hardly: what a model must beat before its agreement means anything."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from iqbench.hash_sampling import digest
from iqbench.metrics.pairs import hits

ALWAYS_FIRST, CONSTANT = "always-first", "constant answer"


def null_answers(predictions: pd.DataFrame, photos: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Return what the null models answer in place of a model, row by row, failed where the model failed.

    ``random`` gives each photo a number that depends on its name and the seed alone. ``more pixels``,
    ``larger file``, ``brighter`` and ``sharper`` (the variance of the Laplacian) need no model either.
    About pairs, ``always-first`` chooses whichever stands first, and the ``constant answer`` is the better
    one of always-first and always-second, which only those know who know the labels. About votes, it is the
    same score for every photo.

    Args:
        predictions: A model's, from `iqbench.evaluation.predictions`.
        photos: The facts of all photos, from `iqbench.inference.encoding`.
        seed: Of ``random``.

    Example:
        >>> rows = pd.DataFrame({"first": ["./a"], "second": ["./b"], "preference": [0.2], "weight": [1.0]})
        >>> facts = pd.DataFrame({"photo": ["./a", "./b"], "width": [9, 9], "height": [9, 9], "file_bytes": [5, 7]})
        >>> answers = null_answers(rows, facts.assign(brightness=[2.0, 1.0], sharpness=[0.0, 0.0]), seed=0)
        >>> [f"{name} {null['margin'].item():+.0f}" for name, null in answers.items() if name != "random"]
        ['always-first +1', 'constant answer -1', 'more pixels +0', 'larger file -2', 'brighter +1', 'sharper +0']
    """
    scores = photo_scores(photos, seed)
    if "first" not in predictions:
        return {str(name): _scored(predictions, score) for name, score in scores.assign(**{CONSTANT: 1.0}).items()}
    first = np.ones(len(predictions))
    preference, weight = (predictions[name].to_numpy(np.float64) for name in ("preference", "weight"))
    right = hits(first, preference)
    lead = float(np.nansum(weight * (right - 0.5)))
    answers = {
        ALWAYS_FIRST: predictions.assign(margin=1.0),
        CONSTANT: predictions.assign(margin=1.0 if lead >= 0 else -1.0),
    }
    for name, score in scores.items():
        one, other = (score.reindex(predictions[side]).to_numpy(np.float64) for side in ("first", "second"))
        answers[str(name)] = predictions.assign(margin=one - other)
    return answers


def photo_scores(photos: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return how each null model scores each photo, by the photo's name."""
    lots = [digest("random", seed, name) for name in photos["photo"]]
    numbers = photos[["width", "height", "file_bytes", "brightness", "sharpness"]]
    facts = numbers.astype("Float64").to_numpy(np.float64, na_value=np.nan).reshape(-1, 5)
    columns: dict[str, Float[np.ndarray, n]] = {
        "random": np.array([int.from_bytes(lot[:6], "big") / 2**48 for lot in lots]),
        "more pixels": facts[:, 0] * facts[:, 1],
        "larger file": facts[:, 2],
        "brighter": facts[:, 3],
        "sharper": facts[:, 4],
    }
    return pd.DataFrame(columns, index=pd.Index(photos["photo"].tolist(), dtype=object))


def _scored(predictions: pd.DataFrame, score: "pd.Series[float]") -> pd.DataFrame:
    """Return rows about photos with that score, and without the votes that the model predicted."""
    votes = [column for column in predictions if column in {f"p{rating}" for rating in range(1, 11)}]
    predicted = score.reindex(predictions["photo"]).to_numpy(np.float64)
    return predictions.drop(columns=votes).assign(predicted=predicted)
