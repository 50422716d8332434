"""Every number of a summary has an interval of some width, or a reason in the schema or beside it."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from pydantic.fields import FieldInfo

from fixtures.predictions import pair_answers, tangled_answers, vote_answers
from fixtures.verdict_tables import frame, row, standard_suite, summary_of_table
from iqbench.benchmark.diagnostics import probabilities
from iqbench.evaluation.agreement import pair_agreement, vote_agreement
from iqbench.evaluation.compare import compare
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.records import Record, without_interval
from iqbench.results.evaluation_summary import EvaluationSummary
from iqbench.results.model_summary import Threshold
from iqbench.results.summary import Summary
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import Difference, Estimate

CONFIG = BootstrapConfig(seed=0, resamples=60)


def parts_of(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts_of(part)


def records_in(kind: type[Record], found: set[type[Record]]) -> set[type[Record]]:
    """Return a record and all records inside it, the extra fields of measures included."""
    annotations = [field.annotation for field in kind.model_fields.values()]
    annotations += [kind.__annotations__.get("__pydantic_extra__")]
    for part in (part for annotation in annotations for part in parts_of(annotation)):
        if isinstance(part, type) and issubclass(part, Record) and part not in found:
            records_in(part, found | {part} if found.add(part) else found)
    return found


def is_value(kind: type[Record], name: str) -> bool:
    """Return whether a field is the number whose interval is called ``interval``."""
    return (issubclass(kind, Estimate) and name == "value") or (issubclass(kind, Threshold) and name == "amount")


def has_interval(kind: type[Record], name: str) -> bool:
    return is_value(kind, name) or f"{name}_interval" in kind.model_fields


def reason_in_schema(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("no_interval", "")) if isinstance(extra, dict) else ""


def numbers_without(kind: type[Record]) -> list[str]:
    """Return the numbers of a record that have neither an interval nor a reason."""
    return [
        f"{kind.__name__}.{name}"
        for name, field in kind.model_fields.items()
        if float in parts_of(field.annotation)
        and not name.endswith("interval")
        and not has_interval(kind, name)
        and not reason_in_schema(field)
    ]


@pytest.mark.parametrize("root", [Summary, EvaluationSummary])
def test_every_number_has_an_interval_or_a_reason_in_its_schema(root: type[Record]) -> None:
    kinds = records_in(root, {root})
    assert {"PairStatistics", "Threshold"} <= {kind.__name__ for kind in kinds} or root is EvaluationSummary
    assert [name for kind in kinds for name in numbers_without(kind)] == []


def test_a_new_number_without_either_is_found() -> None:
    class New(Difference):
        forgotten: float | None = None
        known: float | None = without_interval("a setting", None)
        by_type: dict[str, float] | None = None

    assert numbers_without(New) == ["New.forgotten", "New.by_type"]


class Number:
    """A number with an interval: where it stands, its value, interval and reason."""

    def __init__(self, path: str, record: Record, name: str) -> None:
        prefix = "" if is_value(type(record), name) else f"{name}_"
        self.path, self.value = f"{path}.{name}", getattr(record, name)
        self.interval = getattr(record, f"{prefix}interval")
        self.reason = getattr(record, f"{prefix}interval_reason", None)
        self.undefined = getattr(record, "reason" if name == "value" else f"{name}_reason", None)


def numbers(node: Any, path: str = "") -> Iterator[Number]:
    """Yield all numbers that have an interval, in a record and in all records inside it."""
    if isinstance(node, Record):
        for name, field in type(node).model_fields.items():
            if float in parts_of(field.annotation) and has_interval(type(node), name):
                yield Number(path, node, name)
        for name, value in node:
            yield from numbers(value, f"{path}.{name}")
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(node, (list, tuple)):
        for at, value in enumerate(node):
            yield from numbers(value, f"{path}.{at}")


def unfounded(node: Any) -> list[str]:
    """Return the numbers whose interval is missing without a reason, does not hold the value, or has no width.

    A threshold at the mildest level, or beyond the harshest one, is bounded by the ladder.
    """
    wrong = []
    for number in numbers(node):
        if number.value is None:
            wrong += [] if number.undefined else [f"{number.path} has no value and no reason"]
        elif number.interval is None:
            wrong += [] if number.reason else [f"{number.path} has no interval and no reason"]
        elif ".thresholds." not in number.path:
            low, high = number.interval
            wrong += [] if low <= number.value <= high and low < high else [f"{number.path} {low, number.value, high}"]
    return wrong


def suite(photos: int, names: Sequence[str]) -> pd.DataFrame:
    """Return the answers of some judges to the standard suite."""
    random = np.random.default_rng(photos)
    size = np.abs(random.normal(1, 0.3, (photos, 27))) + 0.01
    judges = {
        "perfect": size,
        "wrong": -size,
        "tied": 0 * size,
        "coin": size * random.choice([-1, 1], size.shape),
        "good": size * np.where(random.random(size.shape) < 0.9, 1, -1),
        "constant": np.ones((photos, 27)),
    }
    sizes = {"variant_encoded_bytes": lambda at, kind, step: 150.0 if kind == "exposure" or at % 3 == 0 else 60.0}
    rows = pd.concat([standard_suite(judges[name], name, **sizes) for name in names], ignore_index=True)
    controls = [row(name, f"./{at:02}.png", "control", "reencode", 1.0) for name in names for at in range(photos)]
    rows = pd.concat([rows, frame(controls)], ignore_index=True)
    return rows.assign(probability=probabilities(rows))


@pytest.mark.parametrize(
    ("photos", "names"),
    [
        (8, ["perfect"]),
        pytest.param(2, ["perfect", "coin", "tied"], marks=pytest.mark.slow),
        pytest.param(15, ["perfect", "wrong", "tied", "coin", "good", "constant"], marks=pytest.mark.slow),
    ],
)
def test_no_interval_of_a_benchmark_is_missing_without_a_reason_or_has_no_width(photos: int, names: list[str]) -> None:
    rows = suite(photos, names)
    summary = summary_of_table(rows, neighbours=rows[rows["degradation_type"] == "blur"], resamples=60)
    assert len(list(numbers(summary))) > 300
    assert unfounded(summary) == []


@pytest.mark.parametrize("answers", [pair_answers(8, ties=0.0), tangled_answers(12, 40)], ids=["series", "tangled"])
def test_no_interval_of_an_evaluation_on_pairs_has_no_width(answers: pd.DataFrame) -> None:
    perfect = answers.assign(margin=answers["preference"] - 0.5)
    judges = {"perfect": perfect, "wrong": perfect.assign(margin=-perfect["margin"]), "a": answers}
    judges |= {"copy": perfect, "tied": answers.assign(margin=0.0)}
    for judge in judges.values():
        assert unfounded(pair_agreement(judge.assign(order_consistent=1.0), CONFIG)) == []
    assert unfounded(compare(judges, CONFIG)) == []


def test_no_interval_of_an_evaluation_on_votes_has_no_width() -> None:
    answers = vote_answers(9)
    people = answers[[f"t{rating}" for rating in range(1, 11)]].to_numpy(float)
    shares = {f"p{at}": share for at, share in enumerate((people / people.sum(axis=1, keepdims=True)).T, start=1)}
    perfect = answers.assign(predicted=answers["true"], **shares)
    judges = {"perfect": perfect, "wrong": perfect.assign(predicted=-answers["true"]), "a": answers, "copy": perfect}
    for judge in judges.values():
        assert unfounded(vote_agreement(judge, CONFIG, VoteScale("shares"))) == []
    assert unfounded(compare(judges, CONFIG)) == []
