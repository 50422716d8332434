"""Run-to-run repeatability: how far a model's answers about the same pair lie apart when it is asked again."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from iqbench.benchmark.pairs import answers
from iqbench.benchmark.verdict_table import KEY, protocol_of, repeated_answers
from iqbench.hash_sampling import digest
from iqbench.inference.engine_config import Settings
from iqbench.interfaces import PhotoFile, QualityModel, Variant
from iqbench.protocol import Protocol, decide
from iqbench.records import value_or_reason
from iqbench.results.reader import Run
from iqbench.results.schema import ORIGINAL, Repeat
from iqbench.results.store import Store

SHARE, MOST = 0.02, 20
"""Of the photos, so many are asked about again, but at least one and no more than so many."""

SECOND_LOOK, OTHER_RUN = "second look", "other run"


def asked_again(files: Sequence[PhotoFile]) -> set[str]:
    """Return the names of the photos to ask about again: by a hash of the name, so that shards agree on them."""
    count = min(MOST, max(1, round(SHARE * len(files))))
    return set(sorted((file.name for file in files), key=digest)[:count])


def second_look(
    store: Store,
    files: Sequence[PhotoFile],
    again: Collection[str],
    variants: Sequence[Variant],
    model: QualityModel,
    settings: Settings,
) -> None:
    """Ask a model that is through once more about some of the photos, read anew and each picture encoded alone.

    So what is measured is all that a second run could differ in: chance inside the model, what it
    remembers of earlier photos, and the company of a picture in its batch. A network that was asked in a
    lower precision is asked in full precision this time, so each run says what its own precision cost.
    """
    wanted = store.judged().intersection(again) - store.repeated()
    anew = [file for file in files if file.name in wanted]
    full = replace(settings, precision="fp32", compile=settings.compile and settings.precision == "fp32", workers=0)
    size = full.batch_size if full.compile else 1  # another size would have to be compiled first
    for photo, pairs in answers(model, anew, variants, replace(full, batch_size=size)):
        store.repeat(
            [
                Repeat(photo.name, pair.variant, pair.forward, pair.backward)
                for pair in pairs
                if pair.reference == ORIGINAL and pair.forward is not None and pair.backward is not None
            ]
        )


def repeatability(runs: Sequence[Run], fingerprints: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return for each model how far apart its answers about the same pairs were, and how many verdicts changed.

    Args:
        runs: The runs; a pair that two of them hold was asked twice.
        fingerprints: The models' fingerprints by name.
    """
    protocol = protocol_of(runs)
    looks = pd.concat([_second_looks(run, protocol) for run in runs], ignore_index=True)
    others = _other_runs(runs, protocol)
    precisions = {run.identity["model_fingerprint"]: run.identity["precision"] for run in runs}
    return {
        name: {
            "second_look": _told(looks, fingerprint, "not asked again: its run was stopped")
            | {"precision": "fp32", "precision_before": precisions[fingerprint]},
            "other_runs": _told(others, fingerprint, "no pair was judged by a second run"),
        }
        for name, fingerprint in fingerprints.items()
    }


def _told(asked: pd.DataFrame, fingerprint: str, reason: str) -> dict[str, Any]:
    own = asked[asked["model_fingerprint"] == fingerprint]
    return value_or_reason("largest_change", float(own["change"].max()) if len(own) else None, reason) | {
        "pairs": len(own),
        "verdicts_changed": int(own["changed"].sum()),
    }


def _second_looks(run: Run, protocol: Protocol) -> pd.DataFrame:
    first = run.pairs[(run.pairs["reference"] == ORIGINAL) & (run.pairs["status"] == "ok")]
    both = first.merge(run.repeats, on=["photo", "variant"], suffixes=("", "_again"))
    again = both[["forward_again", "backward_again"]].set_axis(["forward", "backward"], axis=1)
    return _compared(both[["forward", "backward"]], again, protocol).assign(
        model_fingerprint=run.identity["model_fingerprint"]
    )


def _other_runs(runs: Sequence[Run], protocol: Protocol) -> pd.DataFrame:
    asked = repeated_answers(runs)
    first = asked.groupby(KEY, sort=False)[["forward", "backward"]].transform("first")
    found = _compared(first, asked, protocol).assign(model_fingerprint=asked["model_fingerprint"])
    return found[asked.duplicated(KEY)]


def _compared(first: pd.DataFrame, again: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    one, other = (
        decide(
            asked[["forward", "backward"]].astype(np.float64).assign(score_original=np.nan, score_degraded=np.nan),
            protocol,
        )
        for asked in (first, again)
    )
    changed = one["prediction"].fillna(-1) != other["prediction"].fillna(-1)
    return pd.DataFrame({"change": (one["margin"] - other["margin"]).abs(), "changed": changed})
