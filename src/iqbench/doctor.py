"""Check labels before a model learns from them: ``python -m iqbench.doctor data=phototriage``."""

import logging
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import UsageError
from iqbench.job import Job

if TYPE_CHECKING:
    from iqbench.datasets.labelled import LabelledPhotos
    from iqbench.interfaces import Split
    from iqbench.results.label_audit_summary import Finding, LabelAudit, SharpnessAgreement

log = logging.getLogger(__name__)


def main() -> None:
    """Start the label audit from the command line."""
    cli.launch(job, "doctor", interrupted="no report was written, but the decode results are cached")


def job(config: DictConfig) -> None:
    """Print and write the audit. Refused labels end the program with exit code 2.

    Raises:
        UsageError: If the labels are refused, or cannot be read.
    """
    from iqbench.reporting.label_audit_report import conclusion, print_audit, write_audit

    current = Job.current()
    cli.prepare(config, current, "doctor")
    audit = audit_labels(config)
    write_audit(audit, current.folder)
    print_audit(audit)
    log.info("results: %s", current.folder)
    if audit.refused:
        raise UsageError(conclusion(audit))


def audit_labels(config: DictConfig) -> "LabelAudit":
    """Return the counts and findings of every split.

    Raises:
        UsageError: If there are no labels, or a line of them is wrong.
    """
    from iqbench.datasets.labelled import LabelledPhotos, photos_of
    from iqbench.label_audit.dataset_statistics import split_statistics
    from iqbench.label_audit.findings import findings
    from iqbench.label_audit.phototriage import is_named_like
    from iqbench.label_audit.sharpness import sharpness_findings
    from iqbench.results.label_audit_summary import SEVERITIES, LabelAudit
    from iqbench.version import iqbench_version

    if config.sample < 0:
        raise UsageError(f"sample={config.sample}: photos or pairs of each split, at least 0")
    if not configuration.describes(config.data, "data", LabelledPhotos):
        labelled = ", ".join(configuration.choices_of("data", LabelledPhotos))
        raise UsageError(f"data={config.name}: photos without labels; use one of {labelled}")
    data: LabelledPhotos = configuration.build(config.data, "data")
    sharpness = sharpness_alone(data, config)
    lines = findings(data.labels, data.examined) + phototriage_findings(data, config)
    lines += sharpness_findings(sharpness, is_named_like(photos_of(list(data.labels.values()))))
    lines.sort(key=lambda line: SEVERITIES.index(line.severity))  # the worst last, just above the prompt
    settings: Any = OmegaConf.to_container(config, resolve=True)
    return LabelAudit(
        iqbench=iqbench_version(),
        data=data.title,
        settings=settings,
        refused=[line.text for line in lines if line.severity == "refused"],
        warnings=sum(line.severity == "warning" for line in lines),
        findings=lines,
        splits={
            split: split_statistics(table, data.examined, sharpness.get(split)) for split, table in data.labels.items()
        },
    )


def phototriage_findings(data: "LabelledPhotos", config: DictConfig) -> list["Finding"]:
    """Return the findings from PhotoTriage's pair lists: about themselves, and about other labels of its photos."""
    from iqbench.datasets.labelled import photos_of
    from iqbench.datasets.phototriage import PhotoTriage
    from iqbench.label_audit.phototriage import dataset_findings, reference_findings
    from iqbench.labels import PairTable

    lines = list(dataset_findings(data.root)) if isinstance(data, PhotoTriage) else []
    tables = [table for table in data.labels.values() if isinstance(table, PairTable)]
    if config.reference is None and isinstance(data, PhotoTriage):
        return lines  # its labels come from the lists
    return lines + reference_findings(tables, photos_of(tables), config.reference)


def sharpness_alone(data: "LabelledPhotos", config: DictConfig) -> dict["Split", "SharpnessAgreement"]:
    """Return the agreement of sharpness with a sample of each split's labels; nothing for a split without any."""
    from iqbench.datasets.labelled import photos_of
    from iqbench.label_audit.sharpness import sampled, sharpness_agreement, sharpnesses

    unusable = set(data.examined.index[data.examined["code"] != "ok"])
    samples = {
        split: sampled(table.without(unusable), config.sample, config.seed) for split, table in data.labels.items()
    }
    samples = {split: table for split, table in samples.items() if len(table)}
    sharpness = sharpnesses(photos_of(list(samples.values())))
    return {split: sharpness_agreement(table, sharpness, config.seed) for split, table in samples.items()}


if __name__ == "__main__":
    main()
