"""Tests of accuracies against 50 %, corrected for all claims of a family."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from iqbench.benchmark.tables import BenchmarkSample
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import ALPHA, ChanceVerdict, Interval

ALL = "all"

IDENTITY, REENCODE = "identity", "reencode"
"""The levels of the controls."""

CHANCE = 0.5

Key = tuple[object, ...]


class ChanceTests:
    """The tests of all models, in four families: types with all pairs, levels of ladders, strata, re-encoded photos.

    A coin is called better or worse than chance in at most 5 % of benchmarks per family, however many models,
    types, levels and strata there are.

    Args:
        sample: The pairs and their clusters.
        thirds: The third of each original by image statistic; see `iqbench.benchmark.diagnostics.thirds`.
    """

    def __init__(self, sample: BenchmarkSample, thirds: Mapping[str, "pd.Series[str]"]) -> None:
        self._sample = sample
        asked = sample.asked
        whole = asked.assign(degradation_type=ALL)
        self.types = self._family([whole, asked], ["model_name", "degradation_type"])
        self.levels = self._family([asked], ["model_name", "ladder", "severity"])
        divided = [
            asked.assign(statistic=statistic, third=asked["original"].map(third)) for statistic, third in thirds.items()
        ]
        self.strata = self._family(divided, ["model_name", "statistic", "third", "ladder"])
        self.reencoded = self._family([reencoded(sample.controls, sample.bootstrap)], ["model_name"])

    def _family(self, tables: Sequence[pd.DataFrame], keys: list[str]) -> dict[Key, float]:
        """Return the corrected p-value of each group of rows in at least two clusters."""
        columns = [*keys, "cluster", "correct"]
        rows = pd.concat([table[columns] for table in tables]) if tables else pd.DataFrame(columns=columns)
        rows = rows.dropna(subset=keys)
        if rows.empty:
            return {}
        groups = rows.groupby(keys, sort=True)
        names: list[Key] = [tuple(name) for name, _ in groups]
        codes = groups.ngroup().to_numpy()
        lead = rows["correct"].to_numpy(np.float64) - CHANCE
        bootstrap = self._sample.bootstrap
        sums = bootstrap.sums(rows["cluster"], codes, lead, len(names))
        several = (bootstrap.sums(rows["cluster"], codes, np.ones(len(rows)), len(names)) > 0).sum(axis=0) >= 2
        _, corrected = self._sample.flips.test(sums[:, several])
        tested = [name for name, enough in zip(names, several, strict=True) if enough]
        return dict(zip(tested, corrected.tolist(), strict=True))


def reencoded(controls: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """Return the judged controls of a photo and its JPEG, of photos that have a pair that counts."""
    judged = (controls["status"] == "ok") & (controls["degradation_level"] == REENCODE)
    return controls[judged & controls["cluster"].isin(bootstrap.index)]


def chance_fields(p: float | None, accuracy: float | None, interval: Interval | None) -> dict[str, Any]:
    """Return the fields of a `AccuracyAgainstChance` about chance.

    Example:
        >>> chance_fields(0.01, 0.9, (0.7, 0.99))
        {'p_chance': 0.01, 'verdict': 'above chance'}
        >>> chance_fields(0.2, 0.9, (0.7, 0.99))["verdict"], chance_fields(None, 0.9, None)["verdict"]
        ('not shown', 'not shown')
    """
    if p is None or interval is None or accuracy is None:
        return {"p_chance": None, "p_chance_reason": "a test needs two photos", "verdict": "not shown"}
    verdict: ChanceVerdict = "not shown"
    if p < ALPHA and interval[0] > CHANCE:
        verdict = "above chance"
    elif p < ALPHA and interval[1] < CHANCE:
        verdict = "below chance"
    return {"p_chance": p, "verdict": verdict}
