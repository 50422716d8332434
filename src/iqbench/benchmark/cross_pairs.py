"""Pairs of different photos: the original of one and a degraded copy of another, with a model's margin."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from iqbench.benchmark.verdict_table import named_photos, protocol_of
from iqbench.hash_sampling import digest
from iqbench.protocol import combine_orders
from iqbench.results.reader import Run

SAMPLE_SIZE = 32
"""Photos in the sample, or all of a smaller set."""

PARTNERS = 8
"""Other photos whose originals the copies of a photo are compared with."""

ANSWER_COLUMNS = ["model_name", "original", "photo", "variant", "margin"]
"""The photo of the original, that of the copy, the key of the copy's variant, and the margin of the original."""

OF_COPY = ["degradation_type", "degradation_level", "ladder", "severity"]


def cross_sample(names: Sequence[str]) -> list[str]:
    """Return the names of the photos in the sample, in the order of their hashes, so that shards agree."""
    return sorted(names, key=digest)[:SAMPLE_SIZE]


def partners(sample: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs to compare, as the photo of the copies and the photo of the original.

    Each photo is compared with the next `PARTNERS` photos of the sample, which is a circle: so each is as often the
    original as the copy.

    Example:
        >>> partners(["a", "b", "c"])
        [('a', 'b'), ('a', 'c'), ('b', 'c'), ('b', 'a'), ('c', 'a'), ('c', 'b')]
    """
    count = len(sample)
    steps = range(1, min(PARTNERS, count - 1) + 1)
    return [(photo, sample[(at + step) % count]) for at, photo in enumerate(sample) for step in steps]


def cross_answers(runs: Sequence[Run], verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the stored answers about pairs of different photos, with the columns `ANSWER_COLUMNS`.

    A pair that several runs hold is taken from the first. An answer about a photo whose content differs from the one
    that was judged is left out.

    Args:
        runs: The runs.
        verdicts: Their verdict table, which has the names of models and photos among all runs.
    """
    names = named_photos(runs).set_index(["name", "sha256"])["distinct_name"]
    models = set(verdicts["model_name"])
    protocol, answers = protocol_of(runs), []
    for run in runs:
        if run.identity["model_name"] not in models:  # it judged no pair
            continue
        stored = run.cross_pairs
        copies = stored["photo"].map(run.photos.set_index("name")["sha256"].astype("str"))
        forward, backward = (stored[side].to_numpy(np.float64) for side in ("forward", "backward"))
        rows = pd.DataFrame(
            {
                "model_name": run.identity["model_name"],
                "original": _named(stored["original"], stored["original_sha256"], names),
                "photo": _named(stored["photo"], copies, names),
                "variant": stored["variant"],
                "margin": combine_orders(forward, backward, protocol),
            }
        )
        answers.append(rows.dropna())
    return pd.concat(answers, ignore_index=True).drop_duplicates(ANSWER_COLUMNS[:-1], ignore_index=True)


def _named(photos: "pd.Series[str]", sha256: "pd.Series[str]", names: "pd.Series[str]") -> "pd.Series[str]":
    """Return the names of photos among all runs, missing where no run holds a photo of that content."""
    return names.reindex(pd.MultiIndex.from_arrays([photos, sha256])).set_axis(photos.index)


def scored_answers(judged: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the answers that scores give about pairs of different photos, with the columns `ANSWER_COLUMNS`.

    Args:
        judged: Judged rows of the verdict table; those without scores are left out.
        pairs: The pairs, as `partners` returns them.
    """
    named = judged[judged["original"].isin({name for pair in pairs for name in pair})]
    own = _with_variants(named.dropna(subset=["score_original", "score_degraded"]))
    copies = own.rename(columns={"original": "photo"})[["model_name", "photo", "variant", "score_degraded"]]
    rows = pd.DataFrame(pairs, columns=["photo", "original"]).merge(copies, on="photo")
    rows = rows.merge(
        own[["model_name", "original", "variant", "score_original"]], on=["model_name", "original", "variant"]
    )
    return rows.assign(margin=rows["score_original"] - rows["score_degraded"])[ANSWER_COLUMNS]


def judged_pairs(answers: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the answers about pairs of different clusters whose photos the model has both judged on that variant.

    So a model without scores is judged on the pairs that the scores of another one would give.

    Args:
        answers: Rows with the columns `ANSWER_COLUMNS`.
        judged: Judged rows of the verdict table.

    Returns:
        The answers with `OF_COPY`, ``cluster`` of the copy's photo and ``original_cluster``.
    """
    own = _with_variants(judged[judged["original"].isin({*answers["photo"], *answers["original"]})])
    copies = own.rename(columns={"original": "photo"})[["model_name", "photo", "variant", "cluster", *OF_COPY]]
    originals = own.rename(columns={"cluster": "original_cluster"})
    rows = answers.merge(copies, on=["model_name", "photo", "variant"])
    rows = rows.merge(
        originals[["model_name", "original", "variant", "original_cluster"]], on=["model_name", "original", "variant"]
    )
    return rows[rows["cluster"] != rows["original_cluster"]].reset_index(drop=True)


def _with_variants(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(variant=rows["degradation_type"] + "/" + rows["degradation_level"])
