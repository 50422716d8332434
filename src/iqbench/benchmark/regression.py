"""Did a model get worse? Two runs of models of the same names, compared on the pairs that both of them judged."""

from typing import Any

import pandas as pd

from iqbench.benchmark.comparisons import Differences, corrected
from iqbench.errors import UsageError
from iqbench.statistics.bootstrap import ALPHA, Bootstrap

ALL = "all"
RUNS = ("now", "before")

KEY = ["photo_sha256", "degradation_type", "ladder", "degradation_level"]
"""What makes a pair the same pair in two runs: the photo's content, whatever it is called, and the variant."""


def regressions(now: pd.DataFrame, before: pd.DataFrame, seed: int, resamples: int) -> list[dict[str, Any]]:
    """Return for each model and type, and over all types, how much more accurate it is than it was.

    A model got *worse* where the difference is below 0 and its p, corrected for all comparisons
    made here (Holm), below 5 %; *better* likewise. The difference is paired by photo.

    Args:
        now: Verdict rows of a run.
        before: Those of the run that it is held against.
        seed: Seed of the resampling of photos.
        resamples: Number of resamples.

    Raises:
        UsageError: If a model that was there before is missing, or no pair was judged in both runs.
    """
    now, before = _judged(now), _judged(before)
    for name in sorted(set(before["model_name"]) - set(now["model_name"])):
        raise UsageError(f"model {name!r} is in the baseline but not in this run; benchmark it too")
    found = []
    for name in dict.fromkeys(before["model_name"]):
        both = pd.concat(
            [
                now[now["model_name"] == name].assign(run="now"),
                before[before["model_name"] == name].assign(run="before"),
            ]
        )
        both = both[both.groupby(KEY)["run"].transform("nunique") == 2]
        if not len(both):
            raise UsageError(f"model {name!r}: no pair was judged in both runs; are the photos and the suite the same?")
        found += _of_model(name, both, seed, resamples)
    for one in corrected(found):
        shown = one["p_holm"] is not None and one["p_holm"] < ALPHA
        one["verdict"] = ("better" if one["difference"] > 0 else "worse") if shown else "no difference shown"
    return found


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    ok = rows[(rows["status"] == "ok") & (rows["degradation_group"] != "control")]
    return ok.drop_duplicates(["model_name", *KEY])


def _of_model(name: str, both: pd.DataFrame, seed: int, resamples: int) -> list[dict[str, Any]]:
    both = both.assign(model_name=both["run"], original=both["photo_sha256"])
    types = sorted(both["degradation_type"].unique())
    differences = Differences(
        both, ["now", "before"], types, Bootstrap(sorted(both["original"].unique()), seed, resamples)
    )
    found = []
    for kind in [ALL, *types]:
        rows = both if kind == ALL else both[both["degradation_type"] == kind]
        accuracy = rows.groupby("run")["correct"].mean()
        about = {"model": name, "type": kind, "before": float(accuracy["before"]), "now": float(accuracy["now"])}
        found.append(about | differences.between(*RUNS, None if kind == ALL else kind))
    return found
