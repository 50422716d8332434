"""The repeat sample: photos that a model scores twice, to measure its repeatability."""

from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np
import pandas as pd

from iqbench.benchmark.pairs import ScoredPhoto
from iqbench.benchmark.scoring import Scoring
from iqbench.benchmark.task import BenchmarkTask
from iqbench.benchmark.verdict_table import PAIR_KEY, protocol_of, repeated_pairs
from iqbench.hash_sampling import digest
from iqbench.interfaces import PhotoFile
from iqbench.protocol import Protocol, decide
from iqbench.results.model_summary import RepeatSample, SecondAnswers
from iqbench.results.reader import Run
from iqbench.results.schema import ORIGINAL, RepeatRow
from iqbench.results.store import Store

SAMPLE_SHARE = 0.02
MAX_SAMPLE = 20
"""Photos in the sample: a share of all, but at least one and at most so many."""

REPEAT_PRECISION = "fp32"
"""The repeat sample is always scored in full precision, so that each run measures the cost of its own precision."""


def repeat_sample(files: Sequence[PhotoFile]) -> frozenset[str]:
    """Return the names of the photos in the sample, chosen by a hash of the name, so that shards agree."""
    count = min(MAX_SAMPLE, max(1, round(SAMPLE_SHARE * len(files))))
    return frozenset(sorted((file.name for file in files), key=digest)[:count])


def repeat_scoring(store: Store, task: BenchmarkTask, sample: Set[str]) -> Scoring:
    """Return the work of scoring the photos of the sample again: each is read again, each picture encoded alone.

    So the difference covers everything that a second run could differ in: randomness in the model, its memory
    of earlier photos, and the other pictures in a batch. A model that remembers its answers is asked anew.
    """
    names = store.readable_photos().keys() & sample - store.repeated_photos()
    engine = task.engine
    compiled = engine.compile and engine.precision == REPEAT_PRECISION
    batch_size = engine.batch_size if compiled else 1  # another size would be compiled again
    engine = replace(engine, precision=REPEAT_PRECISION, compile=compiled, workers=0, batch_size=batch_size)
    files = [file for file in task.files if file.name in names]

    def receive(photo: ScoredPhoto) -> None:
        store.write_repeats(
            [
                RepeatRow(photo.record.name, pair.variant, pair.forward, pair.backward)
                for pair in photo.pairs
                if pair.reference == ORIGINAL and pair.forward is not None and pair.backward is not None
            ]
        )

    again = replace(task, files=files, engine=engine, source_files=task.source_files or task.files)
    return Scoring(again, receive, asking_again=True)


def repeatability(runs: Sequence[Run], names: Sequence[str]) -> dict[str, tuple[RepeatSample, SecondAnswers]]:
    """Return for each model the differences of its second answers, in the repeat sample and between runs.

    Args:
        runs: The runs. A pair that two of them hold was answered twice.
        names: The names of the models, each of which stands for one model in one precision.
    """
    protocol = protocol_of(runs)
    repeats = pd.concat([_repeat_differences(run, protocol) for run in runs], ignore_index=True)
    others = _run_differences(runs, protocol)
    precisions = {run.identity["model_name"]: run.identity["precision"] for run in runs}
    return {
        name: (
            RepeatSample(
                **dict(_second_answers(repeats, name, "no repeat sample: the run was stopped")),
                precision=REPEAT_PRECISION,
                precision_before=precisions[name],
            ),
            _second_answers(others, name, "no pair was judged by a second run"),
        )
        for name in names
    }


def _second_answers(differences: pd.DataFrame, name: str, reason: str) -> SecondAnswers:
    model = differences[differences["model_name"] == name]
    return SecondAnswers(
        largest_change=float(model["change"].max()) if len(model) else None,
        largest_change_reason=None if len(model) else reason,
        pairs=len(model),
        verdicts_changed=int(model["changed"].sum()),
    )


def _repeat_differences(run: Run, protocol: Protocol) -> pd.DataFrame:
    first = run.pairs[(run.pairs["reference"] == ORIGINAL) & (run.pairs["status"] == "ok")]
    both = first.merge(run.repeats, on=["photo", "variant"], suffixes=("", "_repeat"))
    second = both[["forward_repeat", "backward_repeat"]].set_axis(["forward", "backward"], axis=1)
    return _differences(both[["forward", "backward"]], second, protocol).assign(model_name=run.identity["model_name"])


def _run_differences(runs: Sequence[Run], protocol: Protocol) -> pd.DataFrame:
    answers = repeated_pairs(runs)
    first = answers.groupby(PAIR_KEY, sort=False)[["forward", "backward"]].transform("first")
    differences = _differences(first, answers, protocol).assign(model_name=answers["model_name"])
    return differences[answers.duplicated(PAIR_KEY)]


def _differences(first: pd.DataFrame, second: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return for each pair the change of its margin, and whether its verdict changed."""
    before, after = (
        decide(
            answers[["forward", "backward"]].astype(np.float64).assign(score_original=np.nan, score_degraded=np.nan),
            protocol,
        )
        for answers in (first, second)
    )
    changed = before["prediction"].fillna(-1) != after["prediction"].fillna(-1)
    return pd.DataFrame({"change": (before["margin"] - after["margin"]).abs(), "changed": changed})
