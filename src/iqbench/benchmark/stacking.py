"""The fit of an ensemble from the margins of its members."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64

from iqbench.benchmark.stacking_data import Margins, StackingData
from iqbench.errors import UsageError
from iqbench.models.combining import Router, Stacking, feature_count, gate_features
from iqbench.models.ensemble_file import EnsembleFile
from iqbench.training_provenance import training_step
from iqbench.version import iqbench_version

NOTHING_TO_COMBINE = (
    "no member prefers the originals, so there is nothing to combine; does higher mean better in each of them "
    "(model.higher_is_better=false)?"
)


def fitted_ensemble(data: StackingData) -> EnsembleFile:
    """Return the ensemble, fitted on all pairs.

    Raises:
        UsageError: If no member prefers the originals.
    """
    count, names = len(data.photos), data.names
    photos = [(str(sha), None if pd.isna(look) else str(look)) for sha, look in data.photos.itertuples(index=False)]
    what = f"the weights of {', '.join(names)} on {count:,} photos and their degraded copies"
    return EnsembleFile(
        iqbench=iqbench_version(),
        members=data.members,
        stacking=fit_stacking(data.margins),
        router=fit_router(data.margins),
        fitted_on=training_step(what, "pairs", photos),
    )


def fit_stacking(margins: Margins) -> Stacking:
    """Return the weighted sum that makes the preference of the originals most likely: a logistic regression.

    It has no intercept, which would prefer a side, and no negative weight: a member whose weight would be negative is
    left out, and the others are fitted anew.

    Args:
        margins: The members' margins of the originals.

    Raises:
        UsageError: If no member has a positive weight.

    Example:
        >>> stacking = fit_stacking(np.array([[1.0, -1.0], [2.0, 0.0], [1.0, 1.0], [-1.0, 1.0]]))
        >>> [round(weight, 2) for weight in stacking.weights]
        [0.61, 0.38]
    """
    scales = _scales(margins)
    kept = [member for member in range(margins.shape[1]) if margins[:, member].any()]
    while kept:
        weights = _log_odds_per_unit(margins[:, kept] / scales[kept])
        if (weights > 0).all():
            every = np.zeros(margins.shape[1])
            every[kept] = weights / scales[kept]
            return Stacking(weights=every.tolist())
        del kept[int(weights.argmin())]
    raise UsageError(NOTHING_TO_COMBINE)


def fit_router(margins: Margins) -> Router:
    """Return the gate that is most often right, and the slope that makes each member's margin log-odds.

    The gate is a multinomial logistic regression on the pairs about which only some members are right; these are its
    classes. The slopes are those of `fit_stacking` for each member alone.

    Args:
        margins: The members' margins of the originals.

    Raises:
        UsageError: If no member prefers the originals.
    """
    from sklearn.linear_model import LogisticRegression

    count, scales = margins.shape[1], _scales(margins)
    slopes = np.array([_own_slope(margins[:, [member]] / scales[member]) for member in range(count)])
    if not slopes.any():
        raise UsageError(NOTHING_TO_COMBINE)
    right = (margins > 0) & (slopes > 0)
    intercepts, coefficients = np.zeros(count), np.zeros((count, feature_count(count)))
    pairs, listened = np.nonzero(right & ~right[:, slopes > 0].all(axis=1, keepdims=True))
    classes = np.unique(listened)
    if len(classes) < 2:
        intercepts[right.sum(axis=0).argmax()] = 1.0
    else:
        features = gate_features(torch.from_numpy(margins), torch.from_numpy(scales)).numpy()[pairs]
        gate = LogisticRegression(max_iter=1000)
        gate.fit(features, listened, sample_weight=1 / right.sum(axis=1)[pairs])
        is_binary = len(classes) == 2
        coefficients[classes[-1:] if is_binary else classes] = gate.coef_
        intercepts[classes[-1:] if is_binary else classes] = gate.intercept_
        slopes[np.setdiff1d(np.arange(count), classes)] = 0.0
    return Router(
        scales=scales.tolist(),
        slopes=(slopes / scales).tolist(),
        intercepts=intercepts.tolist(),
        coefficients=coefficients.tolist(),
    )


def _log_odds_per_unit(margins: Margins) -> Float64[np.ndarray, "members"]:
    """Return the weights of a logistic regression without intercept, in which each pair stands in both orders."""
    from sklearn.linear_model import LogisticRegression

    both, first_is_better = np.vstack([margins, -margins]), np.repeat([1, 0], len(margins))
    regression = LogisticRegression(fit_intercept=False, max_iter=1000)
    regression.fit(both, first_is_better, sample_weight=np.full(len(both), 0.5))
    return np.asarray(regression.coef_[0], dtype=np.float64)


def _own_slope(margins: Margins) -> float:
    """Return the log-odds per unit of one member's margin; 0 for a member that is not right more often than wrong."""
    return max(0.0, float(_log_odds_per_unit(margins)[0])) if margins.any() else 0.0


def _scales(margins: Margins) -> Float64[np.ndarray, "members"]:
    """Return a usual size of each member's margin: the median of those that are not 0."""
    sizes = [np.abs(column[column != 0]) for column in margins.T]
    return np.array([float(np.median(size)) if len(size) else 1.0 for size in sizes])
