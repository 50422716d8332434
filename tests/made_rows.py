"""Verdict rows that no model ever gave, for tests of what is counted from them."""

import numpy as np
import pandas as pd

from iqbench.benchmark.statistics import summarize

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
        "input_change": 1.0,
        "variant_pixels": 100,
        "original_pixels": 100,
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
                lost = at < failed and kind != "control"
                rows.append(
                    {"model_name": name, "model_type": "rules", "model_fingerprint": name, "original": f"./{at}.png"}
                    | {"degradation_type": kind, "degradation_level": level, "ladder": kind, "severity": 1}
                    | {"degradation_group": "control" if kind == "control" else "technical"}
                    | {"prediction": None if lost or margin == 0 else int(margin > 0), "margin": margin}
                    | {"correct": np.nan if lost else (np.sign(margin) + 1) / 2, "order_consistent": at > 0}
                    | {"confidence": 0.7, "legacy_confidence": 0.7, "score_original": np.nan, "score_degraded": np.nan}
                    | {"status": "decode" if lost else "ok"}
                )
    summary = summarize(pd.DataFrame(rows).astype({"prediction": "Int64"}), seed=0, resamples=400)
    for name, share in nulls:
        each = {kind: {"accuracy": share} for kind in next(iter(shares.values()))}
        summary.setdefault("nulls", {})[name] = {"overall": {"accuracy": share}, "by_degradation": each}
    return summary
