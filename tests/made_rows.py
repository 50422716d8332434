"""Verdict rows that no model ever gave, for tests of what is counted from them."""

import numpy as np
import pandas as pd

from iqbench.benchmark.diagnostics import evidence, probabilities
from iqbench.benchmark.gallery import failures
from iqbench.benchmark.summarize import summarize
from iqbench.protocol import Protocol

FACTS = ("pixels", "bytes", "brightness", "sharpness")
GROUPS = {"blur": "technical", "jpeg": "technical", "crop_edge": "compositional", "control": "control"}


def row(model, photo, kind, level, margin, severity=1, status="ok", **more):
    ok = status == "ok"
    return {
        "model_name": model,
        "model_type": "rules",
        "model_fingerprint": f"print of {model}",
        "original": photo,
        "photo_sha256": photo,
        "degraded": f"{photo}#{kind}-{level}",
        "degradation_type": kind,
        "degradation_group": GROUPS.get(kind, "own"),
        "degradation_level": level,
        "ladder": kind,
        "severity": severity,
        "prediction": pd.NA if margin == 0 or not ok else int(margin > 0),
        "confidence": 0.75 if ok else np.nan,
        "legacy_confidence": 0.5 if ok else np.nan,
        "score_original": np.nan,
        "score_degraded": np.nan,
        "correct": {1: 1.0, 0: 0.5, -1: 0.0}[int(np.sign(margin))] if ok else np.nan,
        "margin": float(margin) if ok else np.nan,
        "order_consistent": True if ok else pd.NA,
        "probability": np.nan,
        "input_change": 1.0,
        "input_change_max": 2.0,
        "amount": float(severity),
        "unit": "px",
        **{f"{side}_{fact}": 100.0 for side in ("variant", "original") for fact in FACTS},
        "status": status,
        "error": "",
    } | more


def frame(rows):
    return pd.DataFrame(rows).astype({"prediction": "Int64", "order_consistent": "boolean"})


def noisy(names, photos, seed, lift=0.0):
    """Margins with an effect of the photo, on two levels of blur and one of jpeg and crop_edge."""
    random = np.random.default_rng(seed)
    steps = [("blur", "1.0", 1), ("blur", "2.0", 2), ("jpeg", "80", 1), ("crop_edge", "right_20pct", 1)]
    rows = []
    for at in range(photos):
        ease = random.normal()
        for which, name in enumerate(names):
            rows += [row(name, f"./{at}.png", k, v, ease + random.normal() + lift * which, s) for k, v, s in steps]
    return frame(rows)


def summary_of(shares, photos=40, identity_ties=True, failed=0, nulls=()):
    """Summarise models that are right on the given share of photos, per type: {"a": {"blur": 0.9}}."""
    rows = []
    for name, types in shares.items():
        for at in range(photos):
            cells = [(kind, "1", 1.0 if at < share * photos else -1.0) for kind, share in types.items()]
            for kind, level, margin in [*cells, ("control", "identity", 0.0 if identity_ties else 1.0)]:
                status = "decode" if at < failed and kind != "control" else "ok"
                answer = {"confidence": 0.7, "legacy_confidence": 0.7, "order_consistent": at > 0}
                rows.append(row(name, f"./{at}.png", kind, level, margin, status=status, **answer))
    return summarized(frame(rows), nulls)


def summarized(rows, nulls=(), resamples=400):
    """Summarise rows with the evidence, as exports do, with the null models that are given."""
    rows = rows.assign(probability=probabilities(rows))
    summary = summarize(rows, seed=0, resamples=resamples)
    found, _ = evidence(rows, rows[:0], Protocol("standard", "both", 0.5, 1e-5), seed=0, resamples=resamples)
    wrong, unasked = failures(rows, 4), {"largest_change": None, "pairs": 0, "verdicts_changed": 0}
    exact = {"precision": "fp32", "precision_before": "fp32"}
    for name, model in summary["models"].items():
        model |= found[name] | {"failures_by_type": wrong.get(name, {})}
        model["repeatability"] |= {"second_look": unasked | exact, "other_runs": unasked}
    types = {kind for model in summary["models"].values() for kind in model["by_degradation"]}
    summary["nulls"] = {
        name: {"overall": {"accuracy": share}, "by_degradation": {kind: {"accuracy": share} for kind in types}}
        for name, share in nulls
    }
    return summary
