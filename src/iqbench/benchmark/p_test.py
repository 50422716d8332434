"""The P-test: does a model prefer the original of one photo to the degraded copy of another photo?

A judge that ranks a library compares different photos, so it must see damage across contents. Whether the other photo
is not simply the better one is unknown for a single pair; over many pairs of photos drawn at random it cancels.

Reference:
    Ma et al., *Waterloo Exploration Database: New challenges for image quality assessment models*, IEEE TIP 2017.
"""

import numpy as np
import pandas as pd

from iqbench.results.model_summary import CrossPhotoStep
from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.estimate import NO_PAIR, Array
from iqbench.statistics.resampled_calibration import auroc_draws

ONE_CLUSTER = "there is no pair of different photos"


def p_test(judged: pd.DataFrame, types: list[str], bootstrap: Bootstrap) -> dict[str, list[CrossPhotoStep]]:
    """Return, for each severity of each type, how often originals score higher than copies of other photos.

    Every original is paired with the copies of all other photos, of other clusters; a tie counts half. The interval
    resamples clusters, each pair counting as often as both of its photos (the pigeonhole bootstrap).

    Args:
        judged: The model's judged rows.
        types: The degradation types.
        bootstrap: Resamples of the clusters.

    Returns:
        Nothing for a model without scores.
    """
    scored = judged.dropna(subset=["score_original", "score_degraded"])
    if scored.empty:
        return {}
    of_types = {kind: scored[scored["degradation_type"] == kind] for kind in types}
    return {
        kind: [_step(steps, int(steps["severity"].iloc[0]), bootstrap) for _, steps in rows.groupby("severity")]
        for kind, rows in of_types.items()
        if len(rows)
    }


def _step(rows: pd.DataFrame, severity: int, bootstrap: Bootstrap) -> CrossPhotoStep:
    clusters, units = rows["cluster"], rows["cluster"].nunique()
    original, degraded = (rows[name].to_numpy(np.float64) for name in ("score_original", "score_degraded"))
    sides = pd.concat([clusters, clusters], ignore_index=True)
    areas = auroc_draws(bootstrap, sides, np.repeat([True, False], len(rows)), np.concatenate([original, degraded]))
    weights = bootstrap.weights[: len(areas)].astype(np.float64)
    own, own_pairs = _within_clusters(rows, original, degraded, bootstrap)
    rows_of = bootstrap.sums(clusters, np.zeros(len(rows), dtype=np.intp), np.ones(len(rows)), 1)[:, 0]
    pairs = (weights @ rows_of) ** 2
    draws = ratio(np.nan_to_num(areas) * pairs - weights**2 @ own, pairs - weights**2 @ own_pairs)
    count = int(pairs[0] - own_pairs.sum())
    undefined = NO_PAIR if not len(rows) else ONE_CLUSTER
    few = bootstrap.too_few(units)
    return CrossPhotoStep.from_draws(draws, count, units, undefined, few, severity=severity)


def _within_clusters(rows: pd.DataFrame, original: Array, degraded: Array, bootstrap: Bootstrap) -> tuple[Array, Array]:
    """Return for each cluster how many of its own pairs the original wins, and their number."""
    wins, pairs = np.zeros(len(bootstrap.index)), np.zeros(len(bootstrap.index))
    codes = bootstrap.index.get_indexer(pd.Index(rows["cluster"]))
    for code in np.unique(codes):
        inside = codes == code
        gaps = original[inside][:, None] - degraded[inside][None, :]
        wins[code], pairs[code] = ((gaps > 0) + 0.5 * (gaps == 0)).sum(), gaps.size
    return wins, pairs
