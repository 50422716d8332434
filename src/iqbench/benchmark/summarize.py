"""What a run shows: accuracies with intervals over photos, and which differences between models are real.

Every interval resamples *photos*, because the 27 variants of one photo are not independent, and every
model is resampled with the same photos, so that differences between models are paired.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from iqbench.benchmark.comparisons import CELL, Differences, best_per_type, ranking, winners
from iqbench.errors import UsageError
from iqbench.statistics.bootstrap import ALPHA, NO_PAIR, ONE_PHOTO, Array, Bootstrap, interval, known, ratio
from iqbench.statistics.calibration import reliability


def summarize(rows: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    """Return all statistics of a run as plain JSON values.

    What is undefined is ``None`` and has its reason beside it, as ``<key>_reason``. Rows of the type or
    group ``control`` enter only ``controls``; rows that failed enter only the counts of failures.

    Args:
        rows: A row per model, photo and variant, as the protocol's section 6 lists them.
        seed: Seed of the resampling of photos.
        resamples: Number of resamples. With k comparisons, fewer than 40 k can show nothing.

    Raises:
        UsageError: If two models share a name, or a model judged one variant of a photo twice.
    """
    _refuse_merged_models(rows)
    control = (rows["degradation_type"] == "control") | (rows["degradation_group"] == "control")
    pairs, controls = rows[~control], rows[control]
    judged = pairs[pairs["status"] == "ok"]
    boot = Bootstrap(sorted(judged["original"].unique()), seed, resamples)
    types = sorted(pairs["degradation_type"].unique())
    names = list(rows["model_name"].unique())
    models = {
        name: _model(pairs[pairs["model_name"] == name], controls[controls["model_name"] == name], types, boot)
        | _identity_of(rows[rows["model_name"] == name])
        for name in names
    }
    differences = Differences(judged, names, types, boot)
    best, pairwise = winners(differences, models), differences.pairwise()
    return {
        "photos": int(pairs["original"].nunique()),
        "photos_judged": len(boot.index),
        "bootstrap": {"unit": "photo", "confidence": 1 - ALPHA, "resamples": resamples, "seed": seed},
        "counts": {"rows": len(rows), "pairs": _counts(pairs), "controls": _counts(controls)},
        "models": models,
        "pairwise": pairwise,
        "ranking": ranking(models, pairwise),
        "agreement": differences.agreement(),
        "nobody_right": differences.nobody_right(),
        "by_degradation_winner": best,
        "best_per_type": best_per_type(best, judged),
    }


def _refuse_merged_models(rows: pd.DataFrame) -> None:
    prints = rows.groupby("model_name", sort=False)["model_fingerprint"].nunique()
    for name in prints.index[prints > 1]:
        raise UsageError(f"two models are called {name!r}: give each its own name, or their rows would be merged")
    twice = rows[rows.duplicated(["model_name", *CELL])]
    for row in twice[["model_name", *CELL]].astype(str).to_numpy().tolist()[:1]:
        raise UsageError(f"{row[0]!r} judged {row[1]} twice as {row[3]} {row[4]}: levels must differ on a ladder")


def _identity_of(rows: pd.DataFrame) -> dict[str, Any]:
    return {"model_type": str(rows["model_type"].iloc[0]), "fingerprint": str(rows["model_fingerprint"].iloc[0])}


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    ok = int((rows["status"] == "ok").sum())
    return {"planned": len(rows), "ok": ok, "failed": len(rows) - ok}


def _mean(values: "pd.Series[Any]") -> float | None:
    numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if numbers.size else None


def _estimate(draws: Array, photos: int) -> dict[str, Any]:
    """Return the accuracy of the sample and its interval over ``photos`` photos."""
    accuracy = known("accuracy", float(draws[0]), NO_PAIR)
    if photos < 2:
        return accuracy | {"interval": None, "interval_reason": ONE_PHOTO if photos else NO_PAIR}
    return accuracy | {"interval": interval(draws)}


def _cell(pairs: pd.DataFrame, draws: Array) -> dict[str, Any]:
    """Return everything that is said about one set of a model's pairs, ``draws`` being their accuracy."""
    ok = pairs[pairs["status"] == "ok"]
    ties = int(ok["prediction"].isna().sum())
    return (
        _estimate(draws, ok["original"].nunique())
        | known("avg_confidence", _mean(ok["confidence"]), NO_PAIR)
        | known("avg_legacy_confidence", _mean(ok["legacy_confidence"]), "no legacy confidence")
        | {"total_pairs": len(ok)}
        | known("avg_score_drop", _mean(ok["score_original"] - ok["score_degraded"]), "the model has no score")
        | {"ties": ties}
        | known("tie_rate", ties / len(ok) if len(ok) else None, NO_PAIR)
        | known("order_consistency", _mean(ok["order_consistent"]), NO_PAIR)
        | {"failed": len(pairs) - len(ok)}
    )


def _model(pairs: pd.DataFrame, controls: pd.DataFrame, types: list[str], boot: Bootstrap) -> dict[str, Any]:
    ok, failed = pairs[pairs["status"] == "ok"], pairs[pairs["status"] != "ok"]
    codes = pd.Index(types).get_indexer(pd.Index(ok["degradation_type"]))
    sums = boot.totals(ok["original"], codes, ok["correct"].to_numpy(np.float64), len(types))
    counts = boot.totals(ok["original"], codes, np.ones(len(ok)), len(types))
    accuracy, seen = ratio(sums, counts), counts[0] > 0
    groups = pairs.groupby("degradation_type")["degradation_group"].first().reindex(types)
    own = {kind: pairs[pairs["degradation_type"] == kind] for kind in types}
    photos = ok["original"].nunique()
    macro = accuracy[:, seen].mean(axis=1) if seen.any() else np.full(len(accuracy), np.nan)
    return {
        "overall": _cell(pairs, ratio(sums.sum(axis=1), counts.sum(axis=1))),
        "macro": _estimate(macro, photos) | {"types": int(seen.sum())},
        "groups": {
            str(group): _estimate(
                ratio(sums[:, groups == group].sum(axis=1), counts[:, groups == group].sum(axis=1)),
                ok["original"][ok["degradation_group"] == group].nunique(),
            )
            | {"pairs": int(counts[0, groups == group].sum())}
            for group in sorted(groups.dropna().unique())
        },
        "by_degradation": {kind: _cell(own[kind], accuracy[:, at]) for at, kind in enumerate(types) if len(own[kind])},
        "severity": _severity(ok, boot),
        "by_severity": _by_severity(ok, boot),
        "by_level": _by_level(ok),
        "controls": _controls(controls),
        "calibration": _calibration(ok),
        "failures": {str(status): int(n) for status, n in failed.groupby("status").size().items()},
    }


Step = tuple[pd.DataFrame, dict[str, Any]]


def _steps(ok: pd.DataFrame, by: list[str], boot: Bootstrap) -> list[Step]:
    """Return the rows of each group with what is told of them."""
    steps = ok.groupby(by)
    codes, width = steps.ngroup().to_numpy(), steps.ngroups
    sums = boot.totals(ok["original"], codes, ok["correct"].to_numpy(np.float64), width)
    accuracy = ratio(sums, boot.totals(ok["original"], codes, np.ones(len(ok)), width))
    return [
        (step, _estimate(accuracy[:, at], step["original"].nunique()) | {"pairs": len(step)})
        for at, (_, step) in enumerate(steps)
    ]


def _severity(ok: pd.DataFrame, boot: Bootstrap) -> dict[str, list[dict[str, Any]]]:
    ladders: dict[str, list[dict[str, Any]]] = {}
    for step, estimate in _steps(ok, ["ladder", "severity"], boot):
        first = step.iloc[0]
        ladders.setdefault(str(first["ladder"]), []).append(
            {"severity": int(first["severity"]), "level": str(first["degradation_level"])}
            | {"degradation_type": str(first["degradation_type"])}
            | estimate
            | known("avg_margin", _mean(step["margin"]), "no finite margin")
        )
    return ladders


def _by_severity(ok: pd.DataFrame, boot: Bootstrap) -> dict[str, list[dict[str, Any]]]:
    """Return the accuracy at each severity of a type, over all of its ladders."""
    types: dict[str, list[dict[str, Any]]] = {}
    for step, estimate in _steps(ok, ["degradation_type", "severity"], boot):
        levels = {"severity": int(step["severity"].iloc[0]), "levels": sorted(set(step["degradation_level"]))}
        types.setdefault(str(step["degradation_type"].iloc[0]), []).append(levels | estimate)
    return types


def _by_level(ok: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    levels: dict[str, dict[str, dict[str, Any]]] = {}
    for (kind, level), step in ok.groupby(["degradation_type", "degradation_level"], sort=False):
        levels.setdefault(str(kind), {})[str(level)] = {"accuracy": _mean(step["correct"]), "pairs": len(step)}
    return {kind: levels[kind] for kind in sorted(levels)}


def _controls(controls: pd.DataFrame) -> dict[str, Any]:
    ok = controls[controls["status"] == "ok"]
    same, again = (ok[ok["degradation_level"] == level] for level in ("identity", "reencode"))
    failed = controls[controls["status"] != "ok"]["degradation_level"].value_counts()
    ties = int(same["prediction"].isna().sum())
    tied: dict[str, Any] = {"all_tie": ties == len(same)} if len(same) else {"all_tie": None, "all_tie_reason": NO_PAIR}
    return {
        "identity": {"pairs": len(same), "ties": ties, "failed": int(failed.get("identity", 0))} | tied,
        "reencode": known("accuracy", _mean(again["correct"]), NO_PAIR)
        | {"pairs": len(again), "failed": int(failed.get("reencode", 0))},
    }


def _calibration(ok: pd.DataFrame) -> dict[str, Any]:
    """Return the reliability of sigmoid(margin), for a model that says its margins are log-odds."""
    said = "P(original better), uncalibrated: sigmoid of the raw margin; each pair in both orders"
    return {"of": said} | reliability(expit(ok["margin"].to_numpy(np.float64)))
