"""The strongest and the weakest degradation type of each model: is the model really better on one than on the other?"""

from itertools import combinations

import numpy as np
import pandas as pd

from iqbench.benchmark.tables import BenchmarkSample
from iqbench.results.model_summary import TypeContrast
from iqbench.statistics.bootstrap import ratio
from iqbench.statistics.estimate import Array

TOO_FEW = "no two photos have pairs of both types"


def type_contrasts(sample: BenchmarkSample) -> dict[str, TypeContrast]:
    """Return the contrast of each model that was asked about two types or more.

    The difference is paired: a photo's accuracy on one type minus that on the other. Which two types are the
    extremes is known afterwards only, so p is corrected for every two types, and for all models.

    Args:
        sample: The pairs and their clusters.
    """
    extremes, columns, keys = {}, list[Array](), list[tuple[str, str, str]]()
    for name in sample.models:
        means, totals = _accuracies(sample, name)
        judged = [at for at in range(len(sample.types)) if not np.isnan(totals[at])]
        if len(judged) < 2:
            continue
        ranked = sorted(judged, key=lambda at: -totals[at])
        extremes[name] = sample.types[ranked[0]], sample.types[ranked[-1]]
        for first, second in combinations(judged, 2):
            columns.append(np.nan_to_num(means[:, first] - means[:, second]))
            keys.append((name, sample.types[first], sample.types[second]))
    if not columns:
        return {}
    gaps = np.stack(columns, axis=1)
    corrected = dict(zip(keys, sample.flips.test(gaps)[1].tolist(), strict=True)) if len(gaps) > 1 else {}
    return {name: _contrast(name, *types, corrected) for name, types in extremes.items()}


def _accuracies(sample: BenchmarkSample, name: str) -> tuple[Array, Array]:
    """Return a model's accuracy on each type in each cluster, clusters x types, and over all clusters."""
    asked, bootstrap, width = sample.of_model(name).asked, sample.bootstrap, len(sample.types)
    codes = pd.Index(sample.types).get_indexer(pd.Index(asked["degradation_type"]))
    sums = bootstrap.sums(asked["cluster"], codes, asked["correct"].to_numpy(np.float64), width)
    counts = bootstrap.sums(asked["cluster"], codes, np.ones(len(asked)), width)
    return ratio(sums, counts), ratio(sums.sum(axis=0), counts.sum(axis=0))


def _contrast(name: str, strongest: str, weakest: str, corrected: dict[tuple[str, str, str], float]) -> TypeContrast:
    p = corrected.get((name, strongest, weakest), corrected.get((name, weakest, strongest)))
    reason = TOO_FEW if p is None else None
    return TypeContrast(strongest=strongest, weakest=weakest, p_corrected=p, p_corrected_reason=reason)
