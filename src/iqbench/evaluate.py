"""Hold a judge against people: ``python -m iqbench.evaluate model=iqa data=phototriage``."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import TooManyFailures, UsageError
from iqbench.sweep import recorded

if TYPE_CHECKING:
    from iqbench.interfaces import QualityModel
    from iqbench.labels import LabelTable

log = logging.getLogger(__name__)


def main() -> None:
    """Start the evaluation from the command line."""
    cli.launch(job, "evaluate", interrupted="nothing was written of what was not finished")


def job(config: DictConfig) -> None:
    """Run one job: alone, or as one of a sweep, where a failure is written down and the next job goes on."""
    current = cli.Job.current()
    with recorded(current):
        cli.prepare(config, current, "evaluate")
        summary = evaluate(config, current.folder)
        if not current.is_sweep:
            show(summary, current.folder)
        check_failures(summary, config.max_failures)


def show(summary: dict[str, Any], folder: Path) -> None:
    """Print the table, and where the rest is."""
    from iqbench.reporting.evaluation_table import print_agreement

    print_agreement(summary)
    log.info("results: %s", folder)


def evaluate(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Ask the model about every label, write what it says into ``folder``, and return the summary.

    Raises:
        IqbenchError: If something in the config cannot be used.
    """
    from iqbench.benchmark.plan import self_test
    from iqbench.datasets.labelled import LabelledPhotos, photos_of
    from iqbench.evaluation.predict import Questions, interview
    from iqbench.evaluation.splits import labels_of
    from iqbench.inference.autotuning import fitted
    from iqbench.models.learned import Learned
    from iqbench.reporting.evaluation_exports import check_same, export
    from iqbench.results.store import lock

    settings = configuration.build(config.engine, "engine")
    questions = Questions(config.pairs_per_photo, config.min_difference, config.anchors, config.seed)
    if not configuration.describes(config.data, "data", LabelledPhotos):
        labelled = " or ".join(f"data={name}" for name in configuration.choices_of("data", LabelledPhotos))
        raise UsageError(f"data: {config.data._target_.rpartition('.')[2]} has photos but no labels; take {labelled}")
    data = configuration.build(config.data, "data")
    split, table = labels_of(data, config.split)
    model = settings.place(configuration.build(config.model, "model"))
    self_test(model, settings.torch_device)
    settings = fitted(settings, model)
    trained_on = model.trained_on if isinstance(model, Learned) else None
    identity = identify(config, model, data.title, split, table)
    log.info("%s: %s %s, %d photos", config.name, data.title, split, len(photos_of([table])))
    if trained_on and trained_on.get("what"):
        log.info("%s: its training was %s", config.name, trained_on["what"])
    with lock(folder):
        check_same(folder, identity)
        answers = interview(model, trained_on or {}, table, questions, settings, config.name)
        if seen := int(answers.photos["seen_in_training"].sum()):
            log.warning("NOT HELD OUT: %s was trained on %d of these %d photos", config.name, seen, len(answers.photos))
        return export(folder, answers, identity, describe(config, model, trained_on))


def identify(config: DictConfig, model: "QualityModel", data: str, split: str, table: "LabelTable") -> dict[str, Any]:
    """Return what the answers depend on."""
    from iqbench.benchmark.plan import fingerprint, versions
    from iqbench.evaluation.splits import fingerprint as fingerprint_of_labels

    settings: Any = OmegaConf.to_container(config, resolve=True)
    questions = ("seed", "pairs_per_photo", "min_difference", "anchors")
    return {
        "model_name": config.name,
        "model_fingerprint": fingerprint(model, settings["model"]),
        "data": data,
        "split": split,
        "labels": fingerprint_of_labels(table),
        "precision": settings["engine"]["precision"],
        "questions": {key: settings[key] for key in questions},
        "versions": versions(),
    }


def describe(config: DictConfig, model: "QualityModel", trained_on: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a reader wants to know besides."""
    settings: Any = OmegaConf.to_container(config, resolve=True)
    schooling = None if trained_on is None else {key: trained_on[key] for key in trained_on if key != "photos"}
    return {
        "model_type": type(model).__name__.lower(),
        "trained_on": schooling,
        "config": {key: value for key, value in settings.items() if key != "out"},
    }


def check_failures(summary: dict[str, Any], max_failures: int) -> None:
    """Raise where more rows failed than are allowed.

    Raises:
        TooManyFailures: With the counts by reason; the results are complete all the same.
    """
    (model,) = summary["sets"][0]["models"].values()
    failures = model["counts"]["failures"]
    if sum(failures.values()) > max_failures:
        counts = ", ".join(f"{n} {status}" for status, n in sorted(failures.items()))
        raise TooManyFailures(f"finished, but rows failed: {counts}; see status and error in predictions.csv")


if __name__ == "__main__":
    main()
