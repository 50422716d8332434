"""What an evaluation leaves for people and programs, and the same once more for all jobs of a sweep."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from iqbench.errors import UsageError
from iqbench.evaluation.predict import Answers
from iqbench.evaluation.summarize import agreement, differences, null_agreements
from iqbench.reporting.evaluation_plots import agreement_plot
from iqbench.reporting.exports import FINISHED, RESAMPLES, SEED, together, write_csv
from iqbench.results.summary import FailedJob

SUMMARY = "evaluation.json"
PREDICTIONS, MADE_PAIRS, PHOTOS = "predictions", "pairs_from_votes", "photos"
PICTURE = "evaluation.png"

UNKNOWN_SCHOOLING = "the model does not say what it was trained on"


@dataclass(frozen=True)
class Evaluation:
    """One model on one set: what is said about it, and the rows that this is made from."""

    identity: dict[str, Any]
    details: dict[str, Any]
    found: dict[str, Any]
    """The set, with the model and the null models."""
    predictions: pd.DataFrame
    made_pairs: pd.DataFrame | None
    photos: pd.DataFrame

    @property
    def name(self) -> str:
        """What results call the model."""
        return str(self.identity["model_name"])

    @property
    def labels(self) -> tuple[str, ...]:
        """What two evaluations must share to be compared."""
        return tuple(str(self.identity[key]) for key in ("data", "split", "labels"))


def export(folder: Path, answers: Answers, identity: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    """Write everything about one model's answers into ``folder``, and return the summary.

    Args:
        folder: Where to.
        answers: What the model said.
        identity: What the answers depend on: the model, the labels, the settings, the versions.
        details: What a reader wants to know besides.
    """
    rows = [answers.predictions] if answers.made_pairs is None else [answers.predictions, answers.made_pairs]
    marked = [_marked(table, identity) for table in rows]
    about = agreement(answers.predictions, answers.made_pairs, answers.scale, SEED, RESAMPLES)
    nulls, against = null_agreements(answers.predictions, answers.made_pairs, answers.photos, SEED, RESAMPLES)
    model = _schooling(answers, details) | about | {"against_best_null": against}
    found = {
        **{key: identity[key] for key in ("data", "split", "labels")},
        "kind": about["kind"],
        "photos": _photo_counts(answers.photos),
        "models": {identity["model_name"]: {"fingerprint": identity["model_fingerprint"]} | model},
        "nulls": nulls,
        "nulls_answer_the_rows_of": identity["model_name"],
        "differences": [],
    }
    photos = answers.photos.assign(data=identity["data"])
    made = marked[1] if len(marked) > 1 else None
    evaluation = Evaluation(identity, details, found, marked[0], made, photos)
    return _write_all(folder, [evaluation], [found], failed=[])


def merge(root: Path, failed: Sequence[FailedJob], sources: Sequence[Path]) -> dict[str, Any]:
    """Write what a sweep's jobs have found into its root, with the models compared, and return the summary.

    Args:
        root: The sweep's root.
        failed: What is known of jobs that failed; those that failed in a few rows only have results all the same.
        sources: The folders of the jobs that have results.

    Raises:
        UsageError: If there are no results.
    """
    jobs = [_read(folder) for folder in sorted(sources, key=lambda folder: _number(folder.name))]
    if not jobs:
        raise UsageError(f"{root}: no job has results")
    jobs = _told_apart(jobs)
    sets = []
    for labels in dict.fromkeys(job.labels for job in jobs):
        same = [job for job in jobs if job.labels == labels]
        models = {job.name: next(iter(job.found["models"].values())) for job in same}
        compared = differences({job.name: job.predictions for job in same}, SEED, RESAMPLES)
        sets.append(
            same[0].found | {"models": models, "nulls_answer_the_rows_of": same[0].name, "differences": compared}
        )
    return _write_all(root, jobs, sets, failed)


def check_same(folder: Path, identity: dict[str, Any]) -> None:
    """Refuse to write over the results of something else.

    Raises:
        UsageError: If the folder holds an evaluation of another model or of other labels.
    """
    file = folder / SUMMARY
    if not file.exists():
        return
    try:
        runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
        there = [run["identity"] for run in runs]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{file}: damaged; remove it, or choose another out=") from error
    keys = ("model_name", "model_fingerprint", "data", "split", "labels")
    differing = [key for key in keys if any(one.get(key) != identity[key] for one in there)]
    if differing:
        raise UsageError(
            f"{folder}: holds an evaluation that differs in {', '.join(differing)}; "
            "nothing was written. Choose another out=, or remove that folder"
        )


def _write_all(
    folder: Path, jobs: Sequence[Evaluation], sets: Sequence[dict[str, Any]], failed: Sequence[FailedJob]
) -> dict[str, Any]:
    summary = {
        "iqbench": jobs[0].identity["versions"]["iqbench"],
        "complete": all(job.exit_code == FINISHED for job in failed),
        "failed_jobs": [job.model_dump() for job in failed],
        "sets": list(sets),
        "runs": [{"identity": job.identity, "details": job.details} for job in jobs],
    }
    photos = pd.concat([job.photos for job in jobs], ignore_index=True)
    if len(jobs) > 1:  # who saw which photo in training stands in each job's own folder
        photos = photos.drop(columns="seen_in_training").drop_duplicates(["data", "photo", "sha256", "status"])
    rows = {(*job.labels, job.name): job.predictions for job in jobs}
    with together(folder) as place:
        _write_table(place, PREDICTIONS, [job.predictions for job in jobs])
        _write_table(place, MADE_PAIRS, [job.made_pairs for job in jobs if job.made_pairs is not None])
        _write_table(place, PHOTOS, [photos])
        agreement_plot(summary, rows, place / PICTURE)
        (place / SUMMARY).write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return summary


def _write_table(folder: Path, stem: str, tables: Sequence[pd.DataFrame]) -> None:
    if not tables:
        return
    table = pd.concat(tables, ignore_index=True)
    write_csv(folder / f"{stem}.csv", table)
    table.to_parquet(folder / f"{stem}.parquet", index=False)


def _read(folder: Path) -> Evaluation:
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        (found,), (run,) = summary["sets"], summary["runs"]
        predictions = pd.read_parquet(folder / f"{PREDICTIONS}.parquet")
        made = pd.read_parquet(folder / f"{MADE_PAIRS}.parquet") if found["kind"] == "votes" else None
        photos = pd.read_parquet(folder / f"{PHOTOS}.parquet")
    except (OSError, ValueError, LookupError) as error:
        raise UsageError(f"{folder}: damaged results ({' '.join(str(error).split())[:160]})") from error
    return Evaluation(run["identity"], run["details"], found, predictions, made, photos)


def _number(job: str) -> tuple[int, str]:
    """Return a sort key by which job 2 comes before job 10."""
    number = job.split("_")[0]
    return (int(number) if number.isdigit() else -1, job)


def _told_apart(jobs: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the jobs with their models' names marked by a fingerprint, or else a number, where one names several."""
    taken: Counter[tuple[str, ...]] = Counter()
    named = []
    for job in jobs:
        marks = {other.identity["model_fingerprint"] for other in jobs if other.name == job.name}
        name = job.name if len(marks) == 1 else f"{job.name}@{job.identity['model_fingerprint'][:8]}"
        taken[*job.labels, name] += 1
        if (count := taken[*job.labels, name]) > 1:
            name = f"{name}#{count}"
        predictions = job.predictions.assign(model_name=name)
        made = None if job.made_pairs is None else job.made_pairs.assign(model_name=name)
        named.append(
            replace(job, identity=job.identity | {"model_name": name}, predictions=predictions, made_pairs=made)
        )
    return named


def _marked(table: pd.DataFrame, identity: dict[str, Any]) -> pd.DataFrame:
    """Return the rows with the model, the set and the split in front."""
    marks = {key: identity[key] for key in ("model_name", "model_fingerprint", "data", "split")}
    return pd.concat([pd.DataFrame(marks, index=table.index), table], axis=1)


def _schooling(answers: Answers, details: dict[str, Any]) -> dict[str, Any]:
    """Return what the model was trained on, and how many of the photos that it was asked about it had seen."""
    about = {"model_type": details["model_type"], "trained_on": details["trained_on"]}
    if details["trained_on"] is None:
        reason = {"photos_seen_in_training_reason": UNKNOWN_SCHOOLING}
        return about | {"photos_seen_in_training": None} | reason
    return about | {"photos_seen_in_training": int(answers.photos["seen_in_training"].sum())}


def _photo_counts(photos: pd.DataFrame) -> dict[str, Any]:
    failures = photos["status"][photos["status"] != "ok"].value_counts()
    content = photos["sha256"].dropna()
    return {
        "planned": len(photos),
        "read": len(content),
        "copies": int(content.duplicated().sum()),
        "failures": {str(status): int(failures[status]) for status in sorted(failures.index)},
    }
