"""Facts about runs that no verdict table holds: their records, missing shards, and each model's origin."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from iqbench.results.model_summary import EnsembleFacts
from iqbench.results.reader import Run
from iqbench.results.summary import RunRecord
from iqbench.training_provenance import NEAR_COPY


@dataclass(frozen=True)
class ModelOrigin:
    """The training data of a model, how many photos of the runs were in it, and how many more look like one in it.

    Of a self-supervised model also the types of damage that it was taught, and its accuracy on types left out. Of a
    model that combines others, its members.
    """

    trained_on: str | None
    photos_seen_in_training: int
    near_copies_of_training_photos: int = 0
    taught: Sequence[str] = ()
    left_out: Mapping[str, float] = field(default_factory=dict)
    ensemble: EnsembleFacts | None = None


def model_origins(runs: Sequence[Run], names: Sequence[str]) -> dict[str, ModelOrigin]:
    """Return the origin of each model.

    Args:
        runs: The runs.
        names: The name of each model.
    """
    origins = {}
    for name in names:
        of_model = [run for run in runs if run.identity["model_name"] == name]
        photos = pd.concat([run.photos for run in of_model])
        seen, near = photos["seen_in_training"].astype(bool), photos["notes"].str.endswith(NEAR_COPY)
        trained_on = of_model[0].details["trained_on"]
        counts = [int(photos.loc[which, "sha256"].nunique()) for which in (seen, near)]
        origins[name] = ModelOrigin(
            trained_on.get("what"),
            photos_seen_in_training=counts[0],
            near_copies_of_training_photos=counts[1],
            taught=trained_on.get("damage", []),
            left_out=trained_on.get("left_out", {}),
            ensemble=_ensemble(of_model[0], runs),
        )
    return origins


def _ensemble(run: Run, runs: Sequence[Run]) -> EnsembleFacts | None:
    """Return the members of a run's model, and which of them the other runs judged; None if it combines none."""
    if (facts := run.details.get("ensemble")) is None:
        return None
    names = {other.identity["model_fingerprint"]: other.identity["model_name"] for other in reversed(runs)}
    judged = {member: names[print_] for member, print_ in facts["members"].items() if print_ in names}
    return EnsembleFacts(variant=facts["variant"], members=list(facts["members"]), judged=judged)


def run_records(runs: Sequence[Run]) -> list[RunRecord]:
    """Return a record per run. The shards of a run become one record with all of their photos.

    Ignored files, the engine config and the choice of clusters may differ between shards; the record keeps those of
    the first, and the batch sizes of a shard in which they fell.
    """
    merged: dict[str, list[Run]] = {}
    for run in runs:
        merged.setdefault(_key(run), []).append(run)
    return [_record(shards) for shards in merged.values()]


def _key(run: Run) -> str:
    """Return what the shards of one run have in common."""
    identity, details = _without(run.identity, "photos"), _without(run.details, "shard")
    config = _without(details["config"], "engine")
    config["data"] = _without(_without(config["data"], "cluster"), "cache")
    shared = details | {
        "ignored_files": None,
        "ignored_examples": None,
        "cluster": None,
        "looks": None,
        "batch_sizes": None,
        "margin": None,
        "config": config,
    }
    return json.dumps([identity, shared], sort_keys=True)


def _record(shards: Sequence[Run]) -> RunRecord:
    first = shards[0]
    photos = sorted({photo for shard in shards for photo in shard.identity["photos"]})
    sizes = [shard.details["batch_sizes"] for shard in shards if "batch_sizes" in shard.details]
    fallen = {"batch_sizes": min(sizes, key=min)} if sizes else {}
    present = {shard.details["shard"][0] for shard in shards}
    return RunRecord(
        identity=_without(first.identity, "photos") | {"photos": photos},
        details=_without(first.details, "shard") | fallen,
        missing_shards=sorted(set(range(shards[-1].details["shard"][1])) - present),
    )


def _without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}
