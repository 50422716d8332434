"""The verdict table, cut into the rows that each statistic needs, with one bootstrap for all of them."""

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from iqbench.benchmark.cross_pairs import ANSWER_COLUMNS, judged_pairs
from iqbench.errors import UsageError
from iqbench.protocol import MACHINE_FAULTS, OWN_FAULTS, Protocol
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.sign_flips import SignFlips

CONTROL = "control"

CELL = ["original", "degradation_type", "ladder", "degradation_level"]
"""The columns that identify a photo and its variant. Two models are compared on the cells that both judged."""


class Tables(NamedTuple):
    """The tables of one or several runs: verdicts, verdicts on neighbouring levels, and answers across photos.

    ``verdicts`` is the table of `iqbench.benchmark.verdict_table` with the ``probability`` of
    `iqbench.benchmark.diagnostics.probabilities`; ``neighbours`` compares each level with the next harsher one;
    ``across`` has the columns `iqbench.benchmark.cross_pairs.ANSWER_COLUMNS`.
    """

    verdicts: pd.DataFrame
    neighbours: pd.DataFrame
    across: pd.DataFrame = pd.DataFrame(columns=ANSWER_COLUMNS)


@dataclass(frozen=True)
class ModelTables:
    """The rows of one model.

    Args:
        name: The model.
        pairs: Planned pairs of an original and a degraded copy.
        asked: The pairs that count: those with an answer, and those that the model owes one, worth a tie.
        judged: The pairs that have an answer.
        controls: Rows about controls.
        neighbours: Judged pairs of neighbouring levels, of photos that have a pair that counts.
        across: Judged pairs of different photos, of a model without scores.
    """

    name: str
    pairs: pd.DataFrame
    asked: pd.DataFrame
    judged: pd.DataFrame
    controls: pd.DataFrame
    neighbours: pd.DataFrame
    across: pd.DataFrame


class BenchmarkSample:
    """The pairs of a benchmark, and the bootstrap and sign flips over their clusters, which are drawn once.

    The 27 variants of a photo are not independent, nor are copies of a photo or photos of one series, so whole
    clusters are resampled (column ``cluster``). All models share the resamples, so differences between models
    are paired.

    A pair without an answer is worth a tie, so a model gains nothing by leaving out what is difficult.

    Args:
        tables: The verdict tables.
        protocol: The rule of the verdicts.
        config: Seed and number of resamples.

    Raises:
        UsageError: If two models share a name, or a model judged one variant of a photo twice.
    """

    def __init__(self, tables: Tables, protocol: Protocol, config: BootstrapConfig) -> None:
        verdicts, neighbours = map(_with_clusters, tables[:2])
        _refuse_merged_models(verdicts)
        control = (verdicts["degradation_type"] == CONTROL) | (verdicts["degradation_group"] == CONTROL)
        self.verdicts, self.neighbours, self.protocol = verdicts, neighbours, protocol
        self.pairs, self.controls = verdicts[~control], verdicts[control]
        self.judged = self.pairs[self.pairs["status"] == "ok"]
        self.across = judged_pairs(tables.across, self.judged)
        self.asked = _asked(self.pairs, self.judged, protocol.tie_worth)
        self.bootstrap = Bootstrap(sorted(self.asked["cluster"].unique()), config)
        self.flips = SignFlips(len(self.bootstrap.index), config.seed)
        self.types = sorted(self.pairs["degradation_type"].unique())
        self.models = [str(name) for name in verdicts["model_name"].unique()]

    def of_model(self, name: str) -> ModelTables:
        """Return the rows of one model."""
        neighbours = self.neighbours[self.neighbours["model_name"] == name]
        counted = (neighbours["status"] == "ok") & neighbours["cluster"].isin(self.bootstrap.index)
        return ModelTables(
            name,
            pairs=self.pairs[self.pairs["model_name"] == name],
            asked=self.asked[self.asked["model_name"] == name],
            judged=self.judged[self.judged["model_name"] == name],
            controls=self.controls[self.controls["model_name"] == name],
            neighbours=neighbours[counted],
            across=self.across[self.across["model_name"] == name],
        )


def _with_clusters(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column ``cluster``; without clusters each photo is one by itself."""
    return table if "cluster" in table else table.assign(cluster=table["original"])


def _asked(pairs: pd.DataFrame, judged: pd.DataFrame, tie_worth: float) -> pd.DataFrame:
    """Return the pairs that count: those with an answer, and those that a model owes one, which are worth a tie.

    A model without any answer owes none.
    """
    answered_by_another = pd.MultiIndex.from_frame(pairs[CELL]).isin(pd.MultiIndex.from_frame(judged[CELL]))
    owed = pairs["status"].isin(OWN_FAULTS) | (pairs["status"].isin(MACHINE_FAULTS) & answered_by_another)
    owed &= pairs["model_name"].isin(judged["model_name"].unique())
    if not owed.any():
        return judged
    asked = pairs[owed | (pairs["status"] == "ok")]
    return asked.assign(correct=asked["correct"].mask(asked["status"] != "ok", tie_worth))


def _refuse_merged_models(verdicts: pd.DataFrame) -> None:
    """Refuse a table in which two models share a name, or a row is there twice."""
    fingerprints = verdicts.groupby("model_name", sort=False)["model_fingerprint"].nunique()
    for name in fingerprints.index[fingerprints > 1]:
        raise UsageError(f"two models are called {name!r}: give each its own name, or their rows would be merged")
    repeated = verdicts[verdicts.duplicated(["model_name", *CELL])]
    if len(repeated):
        name, photo, _, ladder, level = repeated.iloc[0][["model_name", *CELL]].astype(str)
        raise UsageError(f"{name!r} judged {photo} twice as {ladder} {level}: levels must differ on a ladder")
