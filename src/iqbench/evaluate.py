"""Evaluate a model against people's labels: ``python -m iqbench.evaluate model=iqa data=phototriage``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import UsageError
from iqbench.model_job import built_model, ready_model, run_job

if TYPE_CHECKING:
    from iqbench.evaluation.predict import Task
    from iqbench.interfaces import PhotoFile, QualityModel
    from iqbench.results.evaluation_summary import EvaluationRun, EvaluationSummary

log = logging.getLogger(__name__)


def main() -> None:
    """Start the evaluation from the command line."""
    cli.launch(job, "evaluate", interrupted="no results were written")


def job(config: DictConfig) -> None:
    """Run one job. In a sweep its failure is recorded, and the next job starts."""
    run_job(config, "evaluate", evaluate, show, failures, "predictions.csv")


def show(summary: "EvaluationSummary") -> None:
    """Print the table."""
    from iqbench.reporting.evaluation_table import print_agreement

    print_agreement(summary)


def failures(summary: "EvaluationSummary") -> Mapping[str, int]:
    """Return the labels without an answer, by status."""
    return summary.sets[0].first_model.counts.failures


def evaluate(config: DictConfig, folder: Path) -> "EvaluationSummary":
    """Predict every label, write the results into ``folder``, and return the summary.

    Raises:
        IqbenchError: If a part of the config cannot be used.
    """
    from iqbench.datasets.labelled import LabelledPhotos, check_present, photos_of
    from iqbench.evaluation.predict import Questions, Task, predict
    from iqbench.evaluation.splits import labels_of
    from iqbench.evaluation.summarize import summarize
    from iqbench.inference.process_state import restored_process_state
    from iqbench.interfaces import StoredAnswers
    from iqbench.io import lock
    from iqbench.reporting.evaluation_exports import check_same, export
    from iqbench.reporting.model_warnings import not_held_out
    from iqbench.training_provenance import training_provenance

    engine = configuration.build(config.engine, "engine")
    questions = Questions(config.pairs_per_photo, config.min_difference, config.anchors, config.seed)
    protocol = configuration.build(config.protocol, "protocol")
    if not configuration.describes(config.data, "data", LabelledPhotos):
        labelled = " or ".join(f"data={name}" for name in configuration.choices_of("data", LabelledPhotos))
        raise UsageError(f"data: {config.data._target_.rpartition('.')[2]} has photos but no labels; use {labelled}")
    data = configuration.build(config.data, "data")
    split, table = labels_of(data, config.split)
    files = photos_of([table])
    task = Task(table, questions, protocol, data.cluster)
    with lock(folder):
        with restored_process_state():
            model, fingerprint = built_model(config)
            if not _knows_by_name(model, files):
                check_present(data.title, files)
            ready = ready_model(model, engine, files, is_rehearsed=not isinstance(model, StoredAnswers))
            run = identify(config, ready.model, fingerprint, task, (data.title, split))
            log.info("%s: %s %s, %d photos", config.name, data.title, split, len(files))
            if training_data := training_provenance(ready.model).get("what"):
                log.info("%s: training data: %s", config.name, training_data)
            check_same(folder, run.identity)
            answers = predict(ready.model, task, ready.engine, config.name, ready.picture)
        evaluation = summarize(answers, run)
        if notice := not_held_out(evaluation.result.first_model, f"{len(answers.photos)} photos"):
            log.warning("NOT HELD OUT: %s %s", config.name, notice)
        return export(folder, evaluation)


def _knows_by_name(model: "QualityModel", files: "Sequence[PhotoFile]") -> bool:
    """Return whether a model has stored the scores of photos by their names, so that the photos need not be there.

    Raises:
        MissingResource: If it lacks some.
    """
    from iqbench.interfaces import StoredAnswers

    if not isinstance(model, StoredAnswers):
        return False
    model.check_answers(files, [])
    return model.scores_by_name(files) is not None


def identify(
    config: DictConfig, model: "QualityModel", model_fingerprint: str, task: "Task", data: tuple[str, str]
) -> "EvaluationRun":
    """Return what the answers depend on, and what a reader wants to know besides.

    Args:
        config: The whole config.
        model: The judge.
        model_fingerprint: Its fingerprint, from before it was used.
        task: The labels, the questions and the protocol.
        data: The names of the data set and the split.
    """
    from iqbench.evaluation.splits import fingerprint as fingerprint_of_labels
    from iqbench.provenance import versions
    from iqbench.results.evaluation_summary import EvaluationDetails, EvaluationIdentity, EvaluationRun
    from iqbench.training_provenance import Trained, training_provenance

    settings: Any = OmegaConf.to_container(config, resolve=True)
    identity = EvaluationIdentity(
        model_name=config.name,
        model_fingerprint=model_fingerprint,
        data=data[0],
        split=data[1],
        labels=fingerprint_of_labels(task.table),
        protocol=task.protocol,
        precision=settings["engine"]["precision"],
        questions={key: settings[key] for key in ("seed", "pairs_per_photo", "min_difference", "anchors")},
        versions=versions(),
    )
    details = EvaluationDetails(
        model_type=type(model).__name__.lower(),
        trained_on=training_provenance(model) if isinstance(model, Trained) else None,
        config={key: value for key, value in settings.items() if key != "out"},
    )
    return EvaluationRun(identity=identity, details=details)


if __name__ == "__main__":
    main()
