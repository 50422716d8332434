"""Merge the evaluations of a sweep's jobs: models on the same labels are compared, their names are made unique."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.evaluation.summarize import Evaluation, against_baseline, differences
from iqbench.results.agreement_summary import AgainstBestBaseline
from iqbench.results.evaluation_summary import EvaluatedSet, PairModel, VoteModel
from iqbench.statistics.step_down import holm

log = logging.getLogger(__name__)


def merge_evaluations(evaluations: Sequence[Evaluation]) -> tuple[list[Evaluation], list[EvaluatedSet]]:
    """Return the evaluations with unique model names, and a set for each of the labels with the models compared.

    Raises:
        UsageError: If the evaluations follow different protocols.
    """
    protocols = {evaluation.run.identity.protocol for evaluation in evaluations}
    if len(protocols) > 1:
        names = ", ".join(sorted(protocol.name for protocol in protocols))
        raise UsageError(f"the jobs follow different protocols ({names}); give each protocol its own sweep and out=")
    evaluations = _with_unique_names(evaluations)
    sets = []
    for labels in dict.fromkeys(evaluation.labels for evaluation in evaluations):
        same = [evaluation for evaluation in evaluations if evaluation.labels == labels]
        sets.append(_compared(same))
    return evaluations, sets


def merged_photos(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Return the photos of all evaluations, each once; who saw which in training is in the folder of each job."""
    photos = pd.concat([evaluation.photos for evaluation in evaluations], ignore_index=True)
    if len(evaluations) == 1:
        return photos
    return photos.drop(columns="seen_in_training").drop_duplicates(["data", "photo", "sha256", "status"])


def _compared(evaluations: Sequence[Evaluation]) -> EvaluatedSet:
    first = evaluations[0]
    tie_worth = first.run.identity.protocol.tie_worth
    choices = list(dict.fromkeys(evaluation.result.clusters.by for evaluation in evaluations))
    if len(choices) > 1:
        log.warning(
            "the jobs differ in data.cluster (%s): models are compared by %s, the first", ", ".join(choices), choices[0]
        )
    tables = {evaluation.model_name: evaluation.predictions for evaluation in evaluations}
    return first.result.model_copy(
        update={
            "models": _corrected({evaluation.model_name: evaluation.result.first_model for evaluation in evaluations}),
            "baselines_answer_the_rows_of": first.model_name,
            "differences": differences(tables, first.photos, tie_worth),
        }
    )


def corrected_for_models(against: Sequence[AgainstBestBaseline]) -> list[AgainstBestBaseline]:
    """Return the differences of some models from their best baselines, with p corrected for all of them (Holm)."""
    tested = [gap for gap in against if gap.p_corrected is not None]
    corrected = iter(holm(np.array([gap.p_corrected for gap in tested], dtype=np.float64)).tolist())
    return [
        gap if gap.p_corrected is None else against_baseline(gap, str(gap.baseline), next(corrected)) for gap in against
    ]


def _corrected(models: dict[str, PairModel | VoteModel]) -> dict[str, PairModel | VoteModel]:
    gaps = corrected_for_models([model.against_best_baseline for model in models.values()])
    return {
        name: model.model_copy(update={"against_best_baseline": gap})
        for (name, model), gap in zip(models.items(), gaps, strict=True)
    }


def _with_unique_names(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations with a fingerprint, or else a number, after a model name that several models share."""
    taken: Counter[tuple[str, ...]] = Counter()
    renamed = []
    for evaluation in evaluations:
        identity = evaluation.run.identity
        namesakes = [other.run.identity for other in evaluations if other.model_name == identity.model_name]
        name = identity.model_name
        if len({other.model_fingerprint for other in namesakes}) > 1:
            name = f"{name}@{identity.model_fingerprint[:8]}"
        taken[*evaluation.labels, name] += 1
        if (count := taken[*evaluation.labels, name]) > 1:
            name = f"{name}#{count}"
        renamed.append(_renamed(evaluation, name))
    return renamed


def _renamed(evaluation: Evaluation, name: str) -> Evaluation:
    identity = evaluation.run.identity.model_copy(update={"model_name": name})
    made_pairs = evaluation.made_pairs
    return replace(
        evaluation,
        run=evaluation.run.model_copy(update={"identity": identity}),
        predictions=evaluation.predictions.assign(model_name=name),
        made_pairs=None if made_pairs is None else made_pairs.assign(model_name=name),
    )
