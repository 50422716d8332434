"""The P-test: does a model prefer the original of one photo to the degraded copy of another photo?

A judge that ranks a library compares different photos, so it must see damage across contents. Whether the other photo
is not simply the better one is unknown for a single pair; over many pairs of photos drawn at random it cancels.

Reference:
    Ma et al., *Waterloo Exploration Database: New challenges for image quality assessment models*, IEEE TIP 2017.
"""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.benchmark.tables import ModelTables
from iqbench.protocol import Protocol, verdict_signs
from iqbench.results.model_summary import CrossPhotoStep
from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.estimate import Array
from iqbench.statistics.pigeonhole import pair_sums, row_wins, score_wins
from iqbench.statistics.resampled_calibration import MIN_RESAMPLES, WEIGHED_PAIRS
from iqbench.statistics.unseen import deviation_mass, resampled_estimate

ONE_CLUSTER = "there is no pair of different photos"


def p_test(
    tables: ModelTables, types: list[str], bootstrap: Bootstrap, protocol: Protocol
) -> dict[str, list[CrossPhotoStep]]:
    """Return, for each severity of each type, how often originals are preferred to copies of other photos.

    A model with scores is judged on all pairs of photos of different clusters, any other one on the pairs of the
    cross-photo sample. A tie counts half. The interval resamples clusters, each pair counting as often as both of
    its photos (the pigeonhole bootstrap), and is widened by what originals could add that were not drawn.

    Args:
        tables: The rows of the model.
        types: The degradation types.
        bootstrap: Resamples of the clusters.
        protocol: The rule of the verdicts.

    Returns:
        Nothing for a model with neither scores nor a sample.
    """
    scored = tables.judged.dropna(subset=["score_original", "score_degraded"])
    rows, step = (tables.across, _sampled_step) if scored.empty else (scored, _scored_step)
    of_types = {kind: rows[rows["degradation_type"] == kind] for kind in types}
    return {
        kind: [
            step(steps, int(steps["severity"].iloc[0]), bootstrap, protocol) for _, steps in of_type.groupby("severity")
        ]
        for kind, of_type in of_types.items()
        if len(of_type)
    }


def _sampled_step(rows: pd.DataFrame, severity: int, bootstrap: Bootstrap, protocol: Protocol) -> CrossPhotoStep:
    """Return the result on the pairs of the sample."""
    wins = (verdict_signs(rows["margin"].to_numpy(np.float64), protocol) + 1) / 2
    first, second = (bootstrap.index.get_indexer(pd.Index(rows[side])) for side in ("original_cluster", "cluster"))
    sums = pair_sums(bootstrap.weights, first, second, np.stack([wins, np.ones(len(rows))], axis=1))
    won, compared = (
        np.bincount(first, column, len(bootstrap.index)).astype(np.float64) for column in (wins, np.ones(len(rows)))
    )
    photos = pd.concat([rows["original"], rows["photo"]]).nunique()
    return _step(ratio(sums[:, 0], sums[:, 1]), won, compared, severity=severity, photos=photos, sampled=True)


def _scored_step(rows: pd.DataFrame, severity: int, bootstrap: Bootstrap, protocol: Protocol) -> CrossPhotoStep:
    """Return the result on all pairs of photos of different clusters."""
    original, degraded = (rows[name].to_numpy(np.float64) for name in ("score_original", "score_degraded"))
    units, count = bootstrap.index.get_indexer(pd.Index(rows["cluster"])), len(bootstrap.index)
    weights = bootstrap.weights[: 1 + max(MIN_RESAMPLES, WEIGHED_PAIRS // (2 * len(rows)))]
    own, own_pairs = _within_clusters(units, original, degraded, count, protocol.tie_margin)
    squares, in_cluster = weights.astype(np.float64) ** 2, np.bincount(units, minlength=count).astype(np.float64)
    pairs = (weights @ in_cluster) ** 2 - squares @ own_pairs
    wins = score_wins(weights, units, original, degraded, protocol.tie_margin) - squares @ own
    won = np.bincount(units, row_wins(original, degraded, protocol.tie_margin), count) - own
    compared = in_cluster * len(rows) - own_pairs
    photos = rows["original"].nunique()
    return _step(ratio(wins, pairs), won, compared, severity=severity, photos=photos, sampled=False)


def _step(draws: Array, won: Array, compared: Array, **fields: Any) -> CrossPhotoStep:
    """Return the share of pairs that originals win.

    Args:
        draws: The share in the sample and in each resample.
        won: The pairs that the originals of each cluster win.
        compared: The pairs of the originals of each cluster.
        fields: The other fields.
    """
    pairs, clusters = round(compared.sum()), int((compared > 0).sum())
    deviations = deviation_mass(won[:, None], compared[:, None]).item()
    return resampled_estimate(
        CrossPhotoStep, draws, pairs, clusters, ONE_CLUSTER, bounds=(0.0, 1.0), deviations=deviations, **fields
    )


def _within_clusters(
    units: "np.ndarray[tuple[int], np.dtype[np.intp]]", original: Array, degraded: Array, count: int, tie_margin: float
) -> tuple[Array, Array]:
    """Return for each cluster how many of its own pairs the original wins, and their number."""
    wins, pairs = np.zeros(count), np.zeros(count)
    for unit in np.unique(units):
        inside = units == unit
        gaps = original[inside][:, None] - degraded[inside][None, :]
        wins[unit], pairs[unit] = ((gaps > tie_margin) + 0.5 * (np.abs(gaps) <= tie_margin)).sum(), gaps.size
    return wins, pairs
