"""The verdict table: one table over all runs, with a row per model, photo and variant."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from iqbench.benchmark.merged_suite import MergedSuite
from iqbench.datasets.clusters import clusters
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice
from iqbench.io import natural_order
from iqbench.protocol import Protocol, decide
from iqbench.results import FILE_NAME
from iqbench.results.compatibility import damage_difference
from iqbench.results.distinct_names import Namesake, distinct_names
from iqbench.results.reader import Run, read_store
from iqbench.results.schema import COMPUTED, ORIGINAL, VERDICT_COLUMNS

PAIR_KEY = ["model_name", "model_fingerprint", "original", "degraded"]
"""The columns that identify a row of two runs as the same pair."""

log = logging.getLogger(__name__)


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Return every run in the folders, or below a folder that holds none itself, in the order of their paths.

    Each model has a name of its own in the identity of its runs; see `with_distinct_models`.

    Raises:
        UsageError: If there is no run, a store is damaged, or the runs cannot share a table.
    """
    paths = list(dict.fromkeys(path.resolve() for folder in folders for path in _stores(folder)))
    runs = [run for run in map(read_store, paths) if len(run.photos)]
    if not runs:
        raise UsageError(f"{', '.join(map(str, folders))}: no photo has been judged yet")
    _check_compatible(runs)
    _warn_of_cluster_choices(runs)
    return with_distinct_models(runs)


def with_distinct_models(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with a ``model_name`` that stands for one model in one precision; see `distinct_names`."""
    namesakes = []
    for run in runs:
        identity, precision = run.identity, {"precision": run.identity.get("precision")}
        settings = run.details.get("config", {}).get("model") or {}
        mark = f"{identity['model_fingerprint']} {precision['precision']}"
        namesakes.append(Namesake(identity["model_name"], {**settings, **precision}, mark))
    return [
        replace(run, identity={**run.identity, "model_name": name})
        for run, name in zip(runs, distinct_names(namesakes), strict=True)
    ]


def _stores(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    if (folder / FILE_NAME).exists():
        return [folder / FILE_NAME]
    paths = sorted(folder.rglob(FILE_NAME), key=lambda path: natural_order(path.relative_to(folder)))
    if not paths:
        raise UsageError(f"{folder}: no results here (no {FILE_NAME} in it or below)")
    return paths


def _check_compatible(runs: Sequence[Run]) -> None:
    """Refuse runs of different protocols or with different damage under one name."""
    different: list[Run] = []
    for run in runs:
        if run.identity["protocol"] != runs[0].identity["protocol"]:
            raise UsageError(f"{run.path} and {runs[0].path}: judged by different protocols; report them separately")
        for other in different:
            if difference := damage_difference(run.identity, other.identity):
                raise UsageError(f"{run.path} and {other.path}: differ in {difference}; report them separately")
        if all(_suite(run) != _suite(other) for other in different):  # shards and models of one suite count once
            different.append(run)


def _suite(run: Run) -> tuple[object, object]:
    return run.identity.get("degradation"), run.identity.get("variants")


def _warn_of_cluster_choices(runs: Sequence[Run]) -> None:
    choices = dict.fromkeys(run.details["cluster"] for run in runs)
    if len(choices) > 1:
        text = "the runs differ in data.cluster (%s): using %s, the choice of the first, for all"
        log.warning(text, ", ".join(choices), cluster_choice_of(runs))


def cluster_choice_of(runs: Sequence[Run]) -> ClusterChoice:
    """Return what makes photos one cluster: the choice of the first run, since it changes no verdict."""
    choice: ClusterChoice = runs[0].details["cluster"]
    return choice


def protocol_of(runs: Sequence[Run]) -> Protocol:
    """Return the protocol that all runs share."""
    return Protocol(**runs[0].identity["protocol"], margin=runs[0].details.get("margin"))


def verdict_rows(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the verdict table of the runs.

    Photos of one name but different content get distinct names. A pair that several runs of a model hold is taken from
    the first. ``cluster`` names the cluster of the photo among all photos of the runs.

    Args:
        runs: The runs, with distinct names of models.
    """
    answers = _with_distinct_photos(_with_clusters(_answers(runs), runs))
    answers["degraded"] = answers["original"] + "#" + answers["variant"]
    answers = answers.drop_duplicates(PAIR_KEY, ignore_index=True)
    return _in_suite_order(_with_verdicts(answers, runs)).drop(columns=["variant", "run"])


def adjacent_rows(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per model, photo and two neighbouring levels, with verdicts as if the milder were the original.

    The columns and names are those of `verdict_rows`.
    """
    answers = _with_distinct_photos(_with_clusters(_answers(runs, adjacent=True), runs))
    answers = answers.drop_duplicates(["model_name", "model_fingerprint", "original", "variant"], ignore_index=True)
    return _with_verdicts(answers, runs)


def repeated_pairs(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the answers about pairs that a model judged in several runs, a row per run."""
    answers = _answers(runs)
    answers = answers[answers["status"] == "ok"]
    answers = answers.assign(degraded=answers["photo_sha256"].astype(str) + "#" + answers["variant"].astype(str))
    answers = answers.drop_duplicates([*PAIR_KEY, "run"])
    return answers[answers.duplicated(PAIR_KEY, keep=False)]


def _answers(runs: Sequence[Run], adjacent: bool = False) -> pd.DataFrame:
    """Return the stored pairs with the original, or those of neighbouring levels, with their columns."""
    suite = MergedSuite(runs)
    answers = pd.concat([_answers_of(run, adjacent) for run in runs], ignore_index=True)
    if adjacent:  # levels that are neighbours in a run may have another level between them in the merged suite
        pairs = zip(answers["reference"], answers["variant"], strict=True)
        planned = np.array([pair in suite.neighbours for pair in pairs], dtype=bool)
        answers = answers[planned].reset_index(drop=True)
    return answers.assign(severity=answers["variant"].map(suite.severities)).drop(columns="reference")


def _answers_of(run: Run, adjacent: bool) -> pd.DataFrame:
    pairs = run.pairs[(run.pairs["reference"] == ORIGINAL) != adjacent].add_prefix("pairs.")
    photos, variants = run.photos.add_prefix("photos."), run.variants.add_prefix("variants.")
    table = pairs.merge(photos, left_on="pairs.photo", right_on="photos.name", how="left")
    table = table.merge(variants, left_on="pairs.variant", right_on="variants.key", how="left")
    constants = {f"identity.{key}": value for key, value in run.identity.items()}
    constants |= {f"details.{key}": value for key, value in run.details.items()}
    columns = {
        column.name: constants[column.source] if column.source in constants else table[column.source]
        for column in VERDICT_COLUMNS
        if column.source != COMPUTED
    }
    # without the cast, the sha256 of a store in which no photo could be read would not be text
    keys = {"run": ascii(str(run.path)), "reference": table["pairs.reference"]}
    return pd.DataFrame(keys | columns, table.index).astype({"photo_sha256": "str"})


def _with_verdicts(answers: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    verdicts = decide(answers, protocol_of(runs))
    return pd.concat([answers, verdicts.mask(answers["status"] != "ok")], axis=1)


def named_photos(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per photo of the runs: its properties, and its ``distinct_name`` among all photos.

    Photos of one name but different content have distinct names.
    """
    photos = pd.concat([run.photos for run in runs])[["name", "sha256", "series", "look"]].astype({"sha256": "str"})
    photos = photos.drop_duplicates(["name", "sha256"], ignore_index=True)
    return photos.assign(distinct_name=_distinct(photos["name"], photos["sha256"]))


def _with_clusters(answers: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """Return the answers with the cluster of each photo. Clusters are those of the photos with distinct names."""
    photos = named_photos(runs)
    cluster = pd.DataFrame(
        {
            "original": photos["name"],
            "photo_sha256": photos["sha256"],
            "cluster": clusters(photos.assign(name=photos["distinct_name"]), cluster_choice_of(runs)),
        }
    )
    return answers.merge(cluster, on=["original", "photo_sha256"], how="left")


def _with_distinct_photos(answers: pd.DataFrame) -> pd.DataFrame:
    return answers.assign(original=_distinct(answers["original"], answers["photo_sha256"]))


def _distinct(names: pd.Series, marks: pd.Series) -> pd.Series:
    """Return the names, with ``@`` and the start of the mark where one name has several marks."""
    marks = marks.fillna("")
    ambiguous = marks.groupby(names).transform("nunique") > 1
    return names.where(~ambiguous, names + "@" + marks.str[:8])


def _in_suite_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by model in the order of the runs, photo, and place in the suite, the controls last."""
    order = pd.DataFrame(
        {
            "model": pd.factorize(rows["model_name"])[0],
            "photo": rows["original"],
            "control": rows["degradation_group"] == "control",
            "type": pd.factorize(rows["degradation_type"])[0],
            "ladder": pd.factorize(rows["ladder"])[0],
            "severity": rows["severity"],
            "level": rows["degradation_level"],
        }
    )
    return rows.loc[order.sort_values(list(order.columns)).index].reset_index(drop=True)
