"""Write the files of an evaluation, and those of a sweep over evaluations."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from iqbench.errors import TooManyFailures, UsageError
from iqbench.evaluation.merge import merge_evaluations, merged_photos
from iqbench.evaluation.summarize import Evaluation
from iqbench.io import atomic_batch, natural_order
from iqbench.records import record_json
from iqbench.reporting.evaluation_plots import Rows, agreement_plot
from iqbench.reporting.exports import write_csv
from iqbench.results.evaluation_summary import (
    FILE_NAME,
    EvaluatedSet,
    EvaluationIdentity,
    EvaluationSummary,
    read_evaluation,
)
from iqbench.results.summary import FailedJob

PREDICTIONS, MADE_PAIRS, PHOTOS = "predictions", "pairs_from_votes", "photos"
PICTURE = "evaluation.png"

SAME = ("model_name", "model_fingerprint", "data", "split", "labels", "protocol")
"""Fields of the identity in which an evaluation must equal the one that its folder holds."""


def export(folder: Path, evaluation: Evaluation) -> EvaluationSummary:
    """Write one evaluation into a folder, and return its summary."""
    return _write(folder, [evaluation], [evaluation.result], failed=[])


def merge(root: Path, failed: Sequence[FailedJob], sources: Sequence[Path]) -> EvaluationSummary:
    """Write the results of a sweep's jobs into its root, with the models compared, and return the summary.

    Args:
        root: The sweep's root.
        failed: The jobs that failed; one that failed in a few rows only has results all the same.
        sources: The folders of the jobs that have results.

    Raises:
        UsageError: If there are no results, or they follow different protocols.
    """
    jobs = [_read(folder) for folder in sorted(sources, key=lambda folder: natural_order(Path(folder.name)))]
    if not jobs:
        raise UsageError(f"{root}: no job has results")
    return _write(root, *merge_evaluations(jobs), failed)


def check_same(folder: Path, identity: EvaluationIdentity) -> None:
    """Refuse to overwrite the results of something else.

    Raises:
        UsageError: If the folder holds an evaluation of another model, of other labels or by another protocol.
    """
    if not (folder / FILE_NAME).exists():
        return
    stored = [run.identity for run in read_evaluation(folder).runs]
    differing = [key for key in SAME if any(getattr(run, key) != getattr(identity, key) for run in stored)]
    if differing:
        raise UsageError(
            f"{folder}: holds an evaluation that differs in {', '.join(differing)}, and was left as it is; "
            "choose another out=, or remove the folder"
        )


def _write(
    folder: Path, evaluations: Sequence[Evaluation], sets: Sequence[EvaluatedSet], failed: Sequence[FailedJob]
) -> EvaluationSummary:
    identity = evaluations[0].run.identity
    summary = EvaluationSummary(
        iqbench=identity.versions["iqbench"],
        complete=all(job.exit_code == TooManyFailures.exit_code for job in failed),
        failed_jobs=list(failed),
        protocol=identity.protocol,
        sets=list(sets),
        runs=[evaluation.run for evaluation in evaluations],
    )
    rows: Rows = {(*evaluation.labels, evaluation.model_name): evaluation.predictions for evaluation in evaluations}
    with atomic_batch(folder) as place:
        _write_table(place, PREDICTIONS, [evaluation.predictions for evaluation in evaluations])
        _write_table(place, MADE_PAIRS, [job.made_pairs for job in evaluations if job.made_pairs is not None])
        _write_table(place, PHOTOS, [merged_photos(evaluations)])
        agreement_plot(summary, rows, place / PICTURE)
        (place / FILE_NAME).write_text(record_json(summary), encoding="utf-8", newline="")
    return summary


def _write_table(folder: Path, stem: str, tables: Sequence[pd.DataFrame]) -> None:
    if not tables:
        return
    table = pd.concat(tables, ignore_index=True)
    write_csv(folder / f"{stem}.csv", table)
    (folder / f"{stem}.parquet").write_bytes(table.to_parquet(index=False))


def _read(folder: Path) -> Evaluation:
    try:
        summary = read_evaluation(folder)
        (result,), (run,) = summary.sets, summary.runs
        predictions = pd.read_parquet(folder / f"{PREDICTIONS}.parquet")
        made_pairs = pd.read_parquet(folder / f"{MADE_PAIRS}.parquet") if result.kind == "votes" else None
        photos = pd.read_parquet(folder / f"{PHOTOS}.parquet")
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder}: damaged results ({' '.join(str(error).split())[:160]})") from error
    return Evaluation(run, result, predictions, made_pairs, photos)
