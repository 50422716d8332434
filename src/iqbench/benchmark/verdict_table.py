"""From stores to verdict rows: one table over all runs, a row per model, photo and variant."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.protocol import Protocol, decide
from iqbench.results.reader import Run, read_store
from iqbench.results.schema import FILE_NAME, LADDER_KEYS, ORIGINAL

KEY = ["model_name", "model_fingerprint", "original", "degraded"]
"""What makes a row the same row in two runs."""


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Return every run in the folders, or below one that holds none itself, in the order of their paths.

    Raises:
        UsageError: If there is none, one is damaged, or they cannot be put into one table.
    """
    paths = list(dict.fromkeys(path.resolve() for folder in folders for path in _stores(folder)))
    runs = [read_store(path) for path in paths]
    runs = [run for run in runs if len(run.photos)]
    if not runs:
        raise UsageError(f"{', '.join(map(str, folders))}: no photo has been judged yet")
    _check_compatible(runs)
    return runs


def _stores(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    if (folder / FILE_NAME).exists():
        return [folder / FILE_NAME]
    paths = sorted(folder.rglob(FILE_NAME), key=lambda path: _natural(path.relative_to(folder)))
    if not paths:
        raise UsageError(f"{folder}: no results here (no {FILE_NAME} in it or below)")
    return paths


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a sort key by which job 2 comes before job 10."""
    return [(int(part.split("_")[0]) if part.split("_")[0].isdigit() else -1, part) for part in path.parts]


def _check_compatible(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.identity["protocol"] != first.identity["protocol"]:
            raise UsageError(f"{run.path} and {first.path}: judged by different protocols; report them apart")
    degradations: dict[str, tuple[object, Path]] = {}
    for run in runs:
        for type_, settings in run.identity["degradation"].items():
            known, where = degradations.setdefault(type_, (settings, run.path))
            clash = {key for key in settings if key in known and known[key] != settings[key]} - LADDER_KEYS  # type: ignore[operator,index]
            if clash:
                raise UsageError(f"{run.path} and {where}: differ in {type_}.{min(clash)}; report them apart")


def protocol_of(runs: Sequence[Run]) -> Protocol:
    """Return the protocol that all runs share."""
    return Protocol(**runs[0].identity["protocol"])


def verdict_rows(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per model, photo and variant, judged by the runs' protocol.

    Models of one name but different fingerprints are told apart by it, photos of one name but
    different content by theirs. A row that several runs hold is taken from the first.
    """
    answers = pd.concat([_answers(run) for run in runs], ignore_index=True)
    answers["model_name"] = _told_apart(answers["model_name"], answers["model_fingerprint"])
    answers["original"] = _told_apart(answers["original"], answers["photo_sha256"])
    answers["degraded"] = answers["original"] + "#" + answers["variant"]
    answers = answers.drop_duplicates(KEY, ignore_index=True)
    verdicts = decide(answers, protocol_of(runs))
    failed = answers["status"] != "ok"
    rows = pd.concat([answers, verdicts.mask(failed)], axis=1)
    return _in_suite_order(rows).drop(columns=["variant", "position", "run"])


def adjacent_rows(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per model, photo and two neighbouring levels of a ladder, judged as if the milder were the original.

    The names are those of `verdict_rows`.
    """
    answers = pd.concat([_answers(run, adjacent=True) for run in runs], ignore_index=True)
    answers["model_name"] = _told_apart(answers["model_name"], answers["model_fingerprint"])
    answers["original"] = _told_apart(answers["original"], answers["photo_sha256"])
    answers = answers.drop_duplicates(["model_name", "model_fingerprint", "original", "variant"], ignore_index=True)
    verdicts = decide(answers, protocol_of(runs))
    return pd.concat([answers, verdicts.mask(answers["status"] != "ok")], axis=1)


def repeated_answers(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the answers about every pair that several runs asked the same model about, a row per run."""
    answers = pd.concat([_answers(run) for run in runs], ignore_index=True)
    answers = answers[answers["status"] == "ok"]
    answers = answers.assign(degraded=answers["photo_sha256"].astype(str) + "#" + answers["variant"].astype(str))
    answers = answers.drop_duplicates([*KEY, "run"])
    return answers[answers.duplicated(KEY, keep=False)]


def _answers(run: Run, adjacent: bool = False) -> pd.DataFrame:
    """Return the store's pairs against the original, or of neighbouring levels, one for every planned cell."""
    pairs = run.pairs[(run.pairs["reference"] == ORIGINAL) != adjacent]
    table = pairs.merge(run.photos.drop(columns=["status", "error"]), left_on="photo", right_on="name", how="left")
    table = table.merge(run.variants, left_on="variant", right_on="key", how="left")
    return pd.DataFrame(
        {
            "run": str(run.path),
            "model_name": run.identity["model_name"],
            "model_type": run.details["model_type"],
            "model_fingerprint": run.identity["model_fingerprint"],
            "original": table["photo"],
            "photo_sha256": table["sha256"].astype("str"),  # a store in which no photo could be read has none
            "variant": table["variant"],
            "position": table["position"],
            **{name: table[name] for name in _VARIANT_COLUMNS},
            "forward": table["forward"].astype(np.float64),
            "backward": table["backward"].astype(np.float64),
            "score_original": table["score_reference"].astype(np.float64),
            "score_degraded": table["score_variant"].astype(np.float64),
            "input_change": table["input_change"].astype(np.float64),
            "variant_pixels": table["variant_pixels"].astype("Int64"),
            "original_pixels": (table["width"] * table["height"]).astype("Int64"),
            "input_change_max": table["input_change_max"].astype(np.float64),
            **{f"original_{fact}": table[name].astype(np.float64) for fact, name in _FACTS.items()},
            **{f"variant_{fact}": table[f"variant_{fact}"].astype(np.float64) for fact in _FACTS},
            "amount": table["amount"].astype(np.float64),
            "unit": table["unit"],
            "status": table["status"],
            "error": table["error"],
        }
    )


_FACTS = {"brightness": "brightness", "sharpness": "sharpness", "bytes": "encoded_bytes"}
_VARIANT_COLUMNS = ("degradation_type", "degradation_group", "degradation_level", "ladder", "severity")


def _told_apart(names: pd.Series, marks: pd.Series) -> pd.Series:
    """Return the names, with ``@`` and the start of the mark where one name has several marks."""
    marks = marks.fillna("")
    several = marks.groupby(names).transform("nunique") > 1
    return names.where(~several, names + "@" + marks.str[:8])


def _in_suite_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by model as run, photo, and place in the suite, the controls last."""
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
