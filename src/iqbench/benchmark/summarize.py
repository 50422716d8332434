"""The summary of one or several runs: the single source of every report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from iqbench.baselines import baseline_accuracies, baseline_verdicts
from iqbench.benchmark.accuracies import (
    ModelAccuracies,
    control_results,
    level_accuracies,
    raw_calibration,
    severity_steps,
    type_severity_steps,
)
from iqbench.benchmark.against_baselines import BaselineComparisons
from iqbench.benchmark.chance import ChanceTests
from iqbench.benchmark.combinations import Combinations
from iqbench.benchmark.comparisons import comparisons_of
from iqbench.benchmark.cross_pairs import cross_answers
from iqbench.benchmark.diagnostics import (
    confidence,
    largest_identity_margin,
    probabilities,
    strata,
    thirds,
    visibility,
)
from iqbench.benchmark.gallery import failures
from iqbench.benchmark.monotonicity import monotonicity_tests, thresholds
from iqbench.benchmark.p_test import p_test
from iqbench.benchmark.ranking import Standings
from iqbench.benchmark.repeat_sample import repeatability
from iqbench.benchmark.run_records import ModelOrigin, model_origins, run_records
from iqbench.benchmark.semantic_effects import semantic_effects
from iqbench.benchmark.tables import BenchmarkSample, ModelTables, Tables
from iqbench.benchmark.type_contrasts import type_contrasts
from iqbench.benchmark.verdict_table import adjacent_rows, cluster_choice_of, protocol_of, verdict_rows
from iqbench.inference.calls_in_workers import in_workers
from iqbench.inference.failures import NOT_APPLICABLE
from iqbench.inference.worker_pool import available_cores
from iqbench.inference.worker_process import start_method
from iqbench.interfaces import ClusterChoice
from iqbench.progress import track
from iqbench.records import value_or_reason
from iqbench.results.cluster_summary import Clusters
from iqbench.results.model_summary import (
    ModelSummary,
    Repeatability,
    RepeatSample,
    SecondAnswers,
    TypeContrast,
    TypeMistakes,
)
from iqbench.results.reader import Run
from iqbench.results.semantic_summary import SemanticEffect
from iqbench.results.summary import BootstrapSettings, Counts, FailedJob, RowCounts, RunRecord, Summary
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import ALPHA, NO_PAIR

MANY_MODELS = 4
"""Models whose statistics are worth the start of workers."""

ONE_TYPE = "fewer than two types were judged"


@dataclass(frozen=True)
class BenchmarkResults:
    """The summary of some runs, and their verdict table as `counted` returns it."""

    summary: Summary
    table: pd.DataFrame


@dataclass(frozen=True)
class RunFacts:
    """Facts about the runs that the verdict table does not hold.

    Args:
        iqbench: The version of iqbench that judged.
        complete: Whether every planned pair has its row.
        records: A record per run.
        failed_jobs: Jobs that left no complete results.
        origins: The origin of each model.
        repeat_samples: The repeat sample of each model, and its answers in other runs.
        mistakes: The mistakes of each model by type.
        cluster: What makes photos one cluster.
    """

    iqbench: str
    complete: bool
    records: Sequence[RunRecord]
    failed_jobs: Sequence[FailedJob]
    origins: Mapping[str, ModelOrigin]
    repeat_samples: Mapping[str, tuple[RepeatSample, SecondAnswers]]
    mistakes: Mapping[str, dict[str, TypeMistakes]]
    cluster: ClusterChoice
    looks: Sequence[int] = ()


@dataclass(frozen=True)
class ModelParts:
    """The inputs that the summaries of all models share.

    Args:
        sample: The verdict tables and the bootstrap.
        facts: Facts about the runs.
        labels: The third of each original by image statistic.
        chance: The tests against 50 %.
        contrasts: The strongest and the weakest type of each model.
        effects: The effects of damage beyond its controls.
    """

    sample: BenchmarkSample
    facts: RunFacts
    labels: Mapping[str, "pd.Series[str]"]
    chance: ChanceTests
    contrasts: Mapping[str, TypeContrast]
    effects: Mapping[str, list[SemanticEffect]]


def summarize_runs(runs: Sequence[Run], failed_jobs: Sequence[FailedJob], config: BootstrapConfig) -> BenchmarkResults:
    """Return the summary of some runs, and their verdict table with calibrated probabilities.

    Args:
        runs: The runs, which share a protocol.
        failed_jobs: Jobs that left no complete results.
        config: Seed and number of resamples of the bootstrap.

    Raises:
        UsageError: If two models share a name, or a model judged one variant of a photo twice.
    """
    table = verdict_rows(runs)
    table["probability"] = probabilities(table)
    tables = Tables(table, adjacent_rows(runs), cross_answers(runs, table))
    sample = BenchmarkSample(tables, protocol_of(runs), config)
    return BenchmarkResults(summarize(sample, _facts(runs, failed_jobs, table)), counted(sample, table))


def counted(sample: BenchmarkSample, table: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict table for readers: the mean of ``correct`` is the accuracy.

    ``correct`` is the worth of each pair that counts, that of a tie where the model owes an answer. Rows of controls
    have neither ``correct`` nor ``prediction``, which somebody might average; their ``margin`` remains.
    """
    controls = table.index.isin(sample.controls.index)
    correct = sample.asked["correct"].reindex(table.index)
    return table.assign(correct=correct, prediction=table["prediction"].mask(controls))


def summarize(sample: BenchmarkSample, facts: RunFacts) -> Summary:
    """Return all statistics of a benchmark.

    Models stand in the order of their ranking. An undefined value is None and has its reason beside it. Rows of the
    type or group ``control`` enter only ``controls``; failed rows enter only the counts of failures, and
    those of damage that cannot be made of a photo only the counts of these.

    Args:
        sample: The verdict tables and the bootstrap.
        facts: Facts about the runs.
    """
    baselines = baseline_verdicts(sample.asked, sample.protocol, sample.bootstrap.config.seed)
    against, labels = BaselineComparisons(sample, baselines), thirds(sample.judged)
    tests = ChanceTests(sample, labels), type_contrasts(sample), semantic_effects(sample)
    parts = ModelParts(sample, facts, labels, *tests)
    models = dict(zip(sample.models, _model_summaries(parts, against), strict=True))
    comparisons = comparisons_of(sample)
    together = Combinations(sample)
    winners = comparisons.winners({name: model.by_degradation for name, model in models.items()})
    standings = Standings(
        accuracies={name: model.overall.value for name, model in models.items()},
        scores={name: model.against_baselines.corrected.value for name, model in models.items()},
        pairwise=comparisons.pairwise(),
        corrected_pairwise=against.corrected.pairwise(),
        same_pairs=comparisons.same_pairs,
    )
    ranking = standings.ranking()
    missing = sorted({shard for record in facts.records for shard in record.missing_shards})
    config = sample.bootstrap.config
    return Summary(
        iqbench=facts.iqbench,
        complete=facts.complete and not facts.failed_jobs and not missing,
        missing_shards=missing,
        failed_jobs=list(facts.failed_jobs),
        protocol=sample.protocol,
        photos=int(sample.pairs["original"].nunique()),
        photos_judged=int(sample.asked["original"].nunique()),
        duplicate_photos=_duplicates(sample.verdicts),
        clusters=Clusters.of(_clustered_photos(sample.judged), facts.cluster),
        looks=list(facts.looks),
        bootstrap=BootstrapSettings(unit="photo", confidence=1 - ALPHA, resamples=config.resamples, seed=config.seed),
        counts=RowCounts(rows=len(sample.verdicts), pairs=_counts(sample.pairs), controls=_counts(sample.controls)),
        models={ranked.model: models[ranked.model] for ranked in ranking},
        baselines=baseline_accuracies(baselines, sample.bootstrap, sample.types),
        pairwise=list(standings.pairwise),
        corrected_pairwise=list(standings.corrected_pairwise),
        ranking=ranking,
        ranked_by=standings.ranked_by,
        least_difference=comparisons.least_difference(),
        agreement=together.agreement(),
        nobody_right=together.nobody_right(),
        by_degradation_winner=winners,
        best_per_type=together.best_per_type(winners),
        runs=list(facts.records),
    )


def _model_summaries(parts: ModelParts, against: BaselineComparisons) -> Iterator[ModelSummary]:
    """Yield the statistics of each model; of many, in forked workers, to which the tables need not be sent."""
    names = parts.sample.models
    workers = available_cores() if len(names) >= MANY_MODELS and start_method() == "fork" else 0
    calls = [partial(_model_summary, name, parts, against) for name in names]
    summaries = in_workers(calls, workers)
    return track(summaries, "statistics of the models", len(names)) if workers > 1 else summaries


def _model_summary(name: str, parts: ModelParts, against: BaselineComparisons) -> ModelSummary:
    """Return the statistics of one model."""
    sample, facts, chance = parts.sample, parts.facts, parts.chance
    tables, types, bootstrap = sample.of_model(name), sample.types, sample.bootstrap
    judged, accuracies = tables.judged, ModelAccuracies(tables, sample, chance)
    origin, failed = facts.origins[name], tables.pairs[~tables.pairs["status"].isin(["ok", NOT_APPLICABLE])]
    first = sample.verdicts[sample.verdicts["model_name"] == name].iloc[0]
    return ModelSummary(
        model_type=str(first["model_type"]),
        fingerprint=str(first["model_fingerprint"]),
        trained_on=origin.trained_on,
        photos_seen_in_training=origin.photos_seen_in_training,
        near_copies_of_training_photos=origin.near_copies_of_training_photos,
        taught=list(origin.taught),
        left_out=dict(origin.left_out),
        photos=int(tables.asked["original"].nunique()),
        overall=accuracies.overall(),
        macro=accuracies.macro(),
        groups=accuracies.groups(),
        by_degradation=accuracies.by_degradation(),
        type_contrast=parts.contrasts.get(name),
        type_contrast_reason=None if name in parts.contrasts else ONE_TYPE,
        severity=severity_steps(tables, bootstrap, chance),
        by_severity=type_severity_steps(tables, bootstrap),
        by_level=level_accuracies(tables, bootstrap),
        controls=control_results(name, tables.controls, bootstrap, chance),
        calibration=raw_calibration(judged, bootstrap),
        confidence=confidence(judged, types, bootstrap),
        against_baselines=against.of_model(name),
        monotonicity=monotonicity_tests(tables, types, bootstrap, sample.protocol.tie_margin),
        p_test=p_test(tables, types, bootstrap, sample.protocol),
        thresholds=thresholds(judged, bootstrap),
        visibility=visibility(tables, types, bootstrap),
        strata=strata(tables, parts.labels, bootstrap, chance),
        repeatability=_repeatability(tables, facts),
        failures={str(status): int(rows) for status, rows in failed.groupby("status").size().items()},
        not_applicable=_inapplicable(tables.pairs),
        semantic_effects=parts.effects.get(name, []),
        failures_by_type=facts.mistakes.get(name, {}),
        ensemble=origin.ensemble,
    )


def _repeatability(tables: ModelTables, facts: RunFacts) -> Repeatability:
    margin, pairs = largest_identity_margin(tables.controls)
    repeat_sample, other_runs = facts.repeat_samples[tables.name]
    return Repeatability(
        **value_or_reason("largest_margin", margin, NO_PAIR),
        pairs=pairs,
        repeat_sample=repeat_sample,
        other_runs=other_runs,
    )


def _facts(runs: Sequence[Run], failed_jobs: Sequence[FailedJob], table: pd.DataFrame) -> RunFacts:
    names = [str(name) for name in table["model_name"].unique()]
    return RunFacts(
        iqbench=runs[0].identity["versions"]["iqbench"],
        complete=all(run.complete for run in runs),
        records=run_records(runs),
        failed_jobs=failed_jobs,
        origins=model_origins(runs, names),
        repeat_samples=repeatability(runs, names),
        mistakes=failures(table, max(run.details["config"]["gallery"] for run in runs)),
        cluster=cluster_choice_of(runs),
        looks=max((run.details.get("looks", []) for run in runs), key=len),
    )


def _clustered_photos(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the judged photos, each with its cluster."""
    return judged[["original", "cluster"]].drop_duplicates().rename(columns={"original": "photo"})


def _counts(rows: pd.DataFrame) -> Counts:
    judged, inapplicable = (int((rows["status"] == status).sum()) for status in ("ok", NOT_APPLICABLE))
    failed = len(rows) - judged - inapplicable
    return Counts(planned=len(rows), ok=judged, failed=failed, not_applicable=inapplicable)


def _inapplicable(pairs: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the pairs whose degraded copy cannot be made, by type and reason; the details follow a colon."""
    rows = pairs[pairs["status"] == NOT_APPLICABLE]
    reasons = rows["error"].map(lambda error: str(error).partition(":")[0])
    return {
        str(kind): {
            str(reason): int(number) for reason, number in of_type.value_counts(sort=False).sort_index().items()
        }
        for kind, of_type in reasons.groupby(rows["degradation_type"], sort=True)
    }


def _duplicates(verdicts: pd.DataFrame) -> int:
    """Return how many photos have the content of another photo under another name."""
    photos = verdicts.loc[verdicts["status"] == "ok", ["original", "photo_sha256"]].drop_duplicates()
    return int(photos["photo_sha256"].duplicated().sum())
