"""Merge the evaluations of a sweep's jobs: models on the same labels are compared, their names are made unique."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.evaluation.summarize import Evaluation, against_baseline, differences
from iqbench.hash_sampling import digest
from iqbench.results.agreement_summary import AgainstBestBaseline
from iqbench.results.distinct_names import Namesake, distinct_names
from iqbench.results.evaluation_summary import EvaluatedSet, PairModel, ScoreModel, VoteModel
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
    evaluations = _with_unique_names(_with_unique_sets(evaluations))
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
    of_one_model = ["seen_in_training", "near_copy_in_training"]
    return photos.drop(columns=of_one_model, errors="ignore").drop_duplicates(["data", "photo", "sha256", "status"])


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


def _corrected(models: dict[str, PairModel | VoteModel | ScoreModel]) -> dict[str, PairModel | VoteModel | ScoreModel]:
    gaps = corrected_for_models([model.against_best_baseline for model in models.values()])
    return {
        name: model.model_copy(update={"against_best_baseline": gap})
        for (name, model), gap in zip(models.items(), gaps, strict=True)
    }


def _with_unique_sets(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations with different names for different labels, and for the same labels of other photos."""
    marks = _marks_of_contents(evaluations)
    unique: dict[int, Evaluation] = {}
    for split in dict.fromkeys(evaluation.run.identity.split for evaluation in evaluations):
        places = [at for at, evaluation in enumerate(evaluations) if evaluation.run.identity.split == split]
        labels = [evaluations[at].run.identity.labels + marks[at] for at in places]
        items = [
            Namesake(evaluations[at].run.identity.data, _settings(evaluations[at], "data"), label)
            for at, label in zip(places, labels, strict=True)
        ]
        for at, data, label in zip(places, distinct_names(items), labels, strict=True):
            unique[at] = _relabelled(evaluations[at], data, label)
    return [unique[at] for at in range(len(evaluations))]


def _marks_of_contents(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return a mark for each evaluation: "", or a digest of its photos where others had other photos of those names."""
    columns = ["photo", "sha256"]
    photos = pd.concat(
        [one.photos[columns].assign(labels=str(one.labels), at=at) for at, one in enumerate(evaluations)]
    )
    contents = photos.groupby(["labels", "photo"])["sha256"].transform("nunique")
    differing = photos[contents > 1].sort_values("photo")
    marks = [""] * len(evaluations)
    for at, rows in differing.groupby("at"):
        marks[int(str(at))] = f"-{digest(repr(rows[columns].to_numpy(dtype=str).tolist())).hex()[:8]}"
    return marks


def _relabelled(evaluation: Evaluation, data: str, labels: str) -> Evaluation:
    identity = evaluation.run.identity.model_copy(update={"data": data, "labels": labels})
    made_pairs = evaluation.made_pairs
    return replace(
        evaluation,
        run=evaluation.run.model_copy(update={"identity": identity}),
        result=evaluation.result.model_copy(update={"data": data, "labels": labels}),
        predictions=evaluation.predictions.assign(data=data),
        made_pairs=None if made_pairs is None else made_pairs.assign(data=data),
        photos=evaluation.photos.assign(data=data),
    )


def _with_unique_names(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations with model names that stand for one model, asked in one way; see `distinct_names`.

    Of one model that was asked twice in the same way the second name ends in a number.
    """
    models = [
        Namesake(one.model_name, _settings(one, "model"), one.run.identity.model_fingerprint) for one in evaluations
    ]
    ways = []
    for evaluation, name in zip(evaluations, distinct_names(models), strict=True):
        identity = evaluation.run.identity
        asked = {"precision": identity.precision, **identity.questions}
        ways.append(Namesake(name, asked, f"{evaluation.labels} {asked}"))
    names = [""] * len(ways)
    for labels in dict.fromkeys(evaluation.labels for evaluation in evaluations):
        places = [at for at, evaluation in enumerate(evaluations) if evaluation.labels == labels]
        for at, name in zip(places, distinct_names([ways[at] for at in places]), strict=True):
            names[at] = name
    taken: Counter[tuple[str, ...]] = Counter()
    renamed = []
    for evaluation, name in zip(evaluations, names, strict=True):
        taken[*evaluation.labels, name] += 1
        count = taken[*evaluation.labels, name]
        renamed.append(_renamed(evaluation, f"{name}#{count}" if count > 1 else name))
    return renamed


def _settings(evaluation: Evaluation, group: str) -> Mapping[str, Any]:
    settings = evaluation.run.details.config.get(group)
    return settings if isinstance(settings, dict) else {}


def _renamed(evaluation: Evaluation, name: str) -> Evaluation:
    identity = evaluation.run.identity.model_copy(update={"model_name": name})
    made_pairs = evaluation.made_pairs
    return replace(
        evaluation,
        run=evaluation.run.model_copy(update={"identity": identity}),
        predictions=evaluation.predictions.assign(model_name=name),
        made_pairs=None if made_pairs is None else made_pairs.assign(model_name=name),
    )
