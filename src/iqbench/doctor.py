"""Look for faults in labels before a model learns from them: ``python -m iqbench.doctor data=phototriage``."""

import logging
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import UsageError

if TYPE_CHECKING:
    from iqbench.datasets.labelled import LabelledPhotos
    from iqbench.interfaces import Split
    from iqbench.label_audit.findings import Finding

log = logging.getLogger(__name__)


def main() -> None:
    """Start the doctor from the command line."""
    cli.launch(job, "doctor", interrupted="no report was written, but photos that were decoded are remembered")


def job(config: DictConfig) -> None:
    """Print and write what was found; labels that must not be used end it with exit code 2.

    Raises:
        UsageError: If the labels are refused, or cannot be read at all.
    """
    from iqbench.reporting.label_audit_report import print_diagnosis, verdict, write_diagnosis

    current = cli.Job.current()
    cli.prepare(config, current, "doctor")
    diagnosis = diagnose(config)
    write_diagnosis(diagnosis, current.folder)
    print_diagnosis(diagnosis)
    log.info("results: %s", current.folder)
    if diagnosis["refused"]:
        raise UsageError(verdict(diagnosis))


def diagnose(config: DictConfig) -> dict[str, Any]:
    """Return counts and findings for every split, as plain JSON values.

    Raises:
        UsageError: If there are no labels, or a line of them is wrong.
    """
    from iqbench.datasets.labelled import LabelledPhotos, photos_of
    from iqbench.label_audit.dataset_statistics import census
    from iqbench.label_audit.findings import SEVERITIES, findings
    from iqbench.label_audit.phototriage import is_named_like
    from iqbench.label_audit.sharpness import sharpness_findings

    if config.sample < 0:
        raise UsageError(f"sample={config.sample}: photos or pairs of each split, at least 0")
    if not configuration.describes(config.data, "data", LabelledPhotos):
        known = ", ".join(configuration.choices_of("data", LabelledPhotos))
        raise UsageError(f"data={config.name}: photos without labels; these have some: {known}")
    data: LabelledPhotos = configuration.build(config.data, "data")
    measured = sharpness_alone(data, config)
    found = findings(data.labels, data.examined) + about_phototriage(data, config)
    found += sharpness_findings(measured, is_named_like(photos_of(list(data.labels.values()))))
    found.sort(key=lambda one: SEVERITIES.index(one.severity))
    return {
        "iqbench": version("iqbench"),
        "data": data.title,
        "settings": OmegaConf.to_container(config, resolve=True),
        "refused": [one.text for one in found if one.severity == "refused"],
        "warnings": sum(one.severity == "warning" for one in found),
        "findings": [asdict(one) for one in found],
        "splits": {
            split: census(table, data.examined) | {"sharpness": measured.get(split)}
            for split, table in data.labels.items()
        },
    }


def about_phototriage(data: "LabelledPhotos", config: DictConfig) -> list["Finding"]:
    """Return what PhotoTriage's own lists say, of itself and of other labels for its photos."""
    from iqbench.datasets.labelled import photos_of
    from iqbench.datasets.phototriage import PhotoTriage
    from iqbench.label_audit import phototriage
    from iqbench.labels import PairTable

    found = list(phototriage.own_findings(data.root)) if isinstance(data, PhotoTriage) else []
    tables = [table for table in data.labels.values() if isinstance(table, PairTable)]
    if config.reference is None and isinstance(data, PhotoTriage):
        return found  # its labels are the lists' own
    return found + phototriage.reference_findings(tables, photos_of(tables), config.reference)


def sharpness_alone(data: "LabelledPhotos", config: DictConfig) -> dict["Split", dict[str, Any]]:
    """Return how well sharpness agrees with a sample of each split's labels; nothing for a split without any."""
    from iqbench.datasets.labelled import photos_of
    from iqbench.label_audit.sharpness import agreement, sampled, sharpnesses

    unusable = set(data.examined.index[data.examined["code"] != "ok"])
    samples = {
        split: sampled(table.without(unusable), config.sample, config.seed) for split, table in data.labels.items()
    }
    samples = {split: table for split, table in samples.items() if len(table)}
    sharpness = sharpnesses(photos_of(list(samples.values())))
    return {split: agreement(table, sharpness, config.seed) for split, table in samples.items()}


if __name__ == "__main__":
    main()
