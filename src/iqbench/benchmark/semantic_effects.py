"""The effect of a damage beyond its controls: how much more often a model prefers the original to it than to them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from iqbench.benchmark.tables import CONTROL, BenchmarkSample
from iqbench.degradations.ladder import controlled_by
from iqbench.results.semantic_summary import SemanticEffect
from iqbench.statistics.estimate import Accuracy
from iqbench.statistics.paired_tests import paired_differences

NO_PHOTO = "no photo of which both the damage and its control could be made and judged"

KEY = ["model_name", "degradation_type", "kind", "level"]


def semantic_effects(sample: BenchmarkSample) -> dict[str, list[SemanticEffect]]:
    """Return the effects of each model that was asked about damage with controls.

    Of each type and control: over all levels, then level by level. The p-values are corrected for all of them.

    Args:
        sample: The pairs, the controls and their clusters.
    """
    matched = _matched(sample)
    if matched.empty:
        return {}
    keys = list(dict.fromkeys(matched[KEY].itertuples(index=False, name=None)))
    codes = matched.groupby(KEY, sort=False).ngroup().to_numpy()
    both = (matched["status"] == "ok") & (matched["status_control"] == "ok")
    rows, codes = matched[both.to_numpy()], codes[both.to_numpy()]
    bootstrap, clusters = sample.bootstrap, rows["cluster"]
    damage, control = (rows[name].to_numpy(np.float64) for name in ("correct", "correct_control"))
    sums, counts = (
        bootstrap.sums(clusters, codes, values, len(keys)) for values in (damage - control, np.ones(len(rows)))
    )
    blank = [dict[str, Any]()] * len(keys)
    over_damage, over_control = (
        bootstrap.proportions(Accuracy, clusters, codes, values, blank, NO_PHOTO) for values in (damage, control)
    )
    fields: list[Mapping[str, Any]] = [
        {
            "degradation_type": kind,
            "level": level or None,
            "control": name,
            "photos": int(rows["original"][codes == at].nunique()),
            "over_damage": over_damage[at],
            "over_control": over_control[at],
        }
        for at, (_, kind, name, level) in enumerate(keys)
    ]
    present = (counts > 0).sum(axis=0)
    reasons = [bootstrap.too_few(int(units)) if units else NO_PHOTO for units in present]
    effects: dict[str, list[SemanticEffect]] = {}
    found = paired_differences(SemanticEffect, sample.flips, sums, counts, fields, reasons)
    for (model, *_), effect in zip(keys, found, strict=True):
        effects.setdefault(str(model), []).append(effect)
    return effects


def _matched(sample: BenchmarkSample) -> pd.DataFrame:
    """Return a row per model, photo, damage and control, planned or judged; once more with level "" for all levels."""
    controls = sample.controls[sample.controls["degradation_type"] != CONTROL]
    marks = [
        controlled_by(str(kind), str(ladder)) or ("", "")
        for kind, ladder in zip(controls["degradation_type"], controls["ladder"], strict=True)
    ]
    controls = controls.assign(kind=[kind for kind, _ in marks], of=[of for _, of in marks])
    controls = controls[controls["kind"] != ""]
    photo = ["model_name", "original", "degradation_type"]
    pairs = sample.pairs[[*photo, "cluster", "degradation_level", "correct", "status"]]
    pairs = pairs.rename(columns={"degradation_level": "level"})
    matched = pairs.merge(controls[[*photo, "kind", "of", "correct", "status"]], on=photo, suffixes=("", "_control"))
    matched = matched[(matched["of"] == "") | (matched["of"] == matched["level"])]
    several = matched.groupby("degradation_type")["level"].transform("nunique") > 1
    return pd.concat([matched[several].assign(level=""), matched], ignore_index=True)
