"""Evaluations that are merged: no two models share a name, and no two sets of labels or photos share a table."""

import json
from typing import Any

import pandas as pd

from iqbench.evaluation.merge import _with_unique_names, _with_unique_sets
from iqbench.evaluation.summarize import Evaluation
from iqbench.protocol import Protocol
from iqbench.results.evaluation_summary import EvaluatedSet, EvaluationDetails, EvaluationIdentity, EvaluationRun

STANDARD = Protocol("standard", "both", tie_worth=0.5, tie_margin=1e-6)


def job(
    fingerprint: str = "f" * 12,
    labels: str = "labels",
    contents: str = "12",
    precision: str = "fp32",
    seed: int = 0,
    split: str = "test",
    **config: dict[str, Any],
) -> Evaluation:
    """Return what the folder of a job holds, as far as names depend on it."""
    identity = EvaluationIdentity(
        model_name="m", model_fingerprint=fingerprint, data="a list", split=split, labels=labels, protocol=STANDARD,
        precision=precision, questions={"seed": seed}, versions={},
    )  # fmt: skip
    details = EvaluationDetails(model_type="m", trained_on=None, config=config)
    return Evaluation(
        run=EvaluationRun(identity=identity, details=details),
        result=EvaluatedSet.model_construct(data="a list", split=split, labels=labels),
        predictions=pd.DataFrame({"model_name": ["m"], "data": ["a list"]}),
        made_pairs=None,
        photos=pd.DataFrame({"photo": ["./a", "./b"], "sha256": list(contents), "data": "a list"}),
    )


def names(*jobs: Evaluation) -> list[str]:
    merged = _with_unique_names(jobs)
    assert [one.predictions["model_name"].tolist() for one in merged] == [[one.model_name] for one in merged]
    return [one.model_name for one in merged]


def test_models_of_one_name_are_told_apart_by_their_checkpoints_or_settings() -> None:
    checkpoints = [job(mark * 12, model={"checkpoint": f"{mark}.ckpt"}) for mark in "aba"]
    assert names(*checkpoints) == ["m@a.ckpt", "m@b.ckpt", "m@a.ckpt#2"]
    rules = [job(mark * 12, model={"preprocessing": rule}) for mark, rule in (("a", "pad"), ("b", "squash"))]
    assert names(*rules) == ["m@preprocessing=pad", "m@preprocessing=squash"]
    assert names(job("a" * 12), job("b" * 12)) == ["m@aaaaaaaa", "m@bbbbbbbb"]


def test_one_model_that_was_asked_in_two_ways_is_told_apart_by_them_on_the_same_labels_only() -> None:
    assert names(job(), job(precision="bf16")) == ["m@precision=fp32", "m@precision=bf16"]
    assert names(job(), job(seed=1)) == ["m@seed=0", "m@seed=1"]
    assert names(job(), job(), job(labels="other", seed=1)) == ["m", "m#2", "m"]


def test_sets_of_one_title_are_told_apart_by_their_labels() -> None:
    jobs = [job(labels=file, data={"file": f"{file}/list.csv", "limit": None}) for file in ("a", "b")]
    merged = _with_unique_sets(jobs)
    assert [one.labels for one in merged] == [(f"a list@file={f}/list.csv", "test", f) for f in "ab"]
    assert [one.result.data for one in merged] == [one.run.identity.data for one in merged]
    assert [one.photos["data"][0] for one in merged] == [one.predictions["data"][0] for one in merged]
    splits = _with_unique_sets([job(labels="a", split="val"), job(labels="b")])
    assert [one.labels[0] for one in splits] == ["a list", "a list"]


def test_the_same_labels_of_other_photos_are_another_set() -> None:
    jobs = [job(contents=contents, data={"root": contents}) for contents in ("12", "13", "12")]
    merged = _with_unique_sets(jobs)
    assert merged[0].labels == merged[2].labels != merged[1].labels
    assert [one.run.identity.data for one in merged] == ["a list@root=12", "a list@root=13", "a list@root=12"]
    assert {one.labels for one in _with_unique_sets([job(), job()])} == {("a list", "test", "labels")}


def test_a_photo_that_one_job_could_not_read_is_no_other_photo() -> None:
    unread = job()
    unread.photos["sha256"] = [None, "2"]
    assert {one.labels for one in _with_unique_sets([job(), unread])} == {("a list", "test", "labels")}


def test_a_run_tells_the_sizes_that_its_batches_had() -> None:
    run = job().run
    assert json.loads(run.with_batch_sizes((8, 2)).model_dump_json())["details"]["batch_sizes"] == [8, 2]
    assert EvaluationRun.model_validate_json(run.model_dump_json(exclude={"details": {"batch_sizes"}})) == run
