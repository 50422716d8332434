"""A gate for CI: ``python -m iqbench.check RUN --baseline OTHER_RUN`` fails where a model got worse beyond noise."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqbench.errors import GotWorse, UsageError, last_word

if TYPE_CHECKING:
    import pandas as pd

VARIANT = ["degradation_type", "ladder", "degradation_level"]
COLUMNS = ["model_name", "original", "photo_sha256", *VARIANT, "degradation_group", "correct", "probability", "status"]

RESAMPLES = 20_000
"""More than in a report: with so many comparisons, p must be able to be small."""


def main() -> None:
    """Compare two runs, print the table, and exit with 4 if a model got worse on a type."""
    parser = argparse.ArgumentParser(
        prog="iqbench.check",
        description="Fail where a model got worse than in a baseline run: on a kind of damage, beyond noise.",
        epilog="exit codes: 0 no model got worse; 2 the runs cannot be compared; 4 a model got worse, or fails more",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a sweep's root")
    parser.add_argument("--baseline", type=Path, metavar="OTHER_RUN", required=True, help="the run it is held against")
    options = parser.parse_args()
    with last_word("iqbench.check"):
        check(options.run, options.baseline)


def check(run: Path, baseline: Path) -> None:
    """Print how each model compares with the baseline.

    Raises:
        UsageError: If a folder holds no results, or they cannot be compared.
        GotWorse: If a model got worse on a type, or over all of them, or fails where it did not.
    """
    from iqbench.benchmark.regression import regressions
    from iqbench.reporting.regression_table import print_regressions

    now, before = results(run), results(baseline)
    check_same_rules(run, baseline)
    for name, rows in before.groupby("model_name", sort=True):
        if not judged(rows).any():
            raise UsageError(f"{baseline}: model {name!r} judged nothing there; a baseline needs answers")
    if not len(before):
        raise UsageError(f"{baseline}: no pair was judged there; a baseline needs answers")
    failing = {name: reasons for name in before["model_name"].unique() if (reasons := new_failures(name, now, before))}
    if failing:
        said = "; ".join(
            f"{name} on {sum(reasons.values()):,} pairs ({', '.join(reasons)})" for name, reasons in failing.items()
        )
        raise GotWorse(f"fails where it did not in {baseline}: {said}; see status and error in {run}")
    found = regressions(now, before, seed=0, resamples=RESAMPLES)
    print_regressions(found)
    worse = [f"{one['model']} on {one['type']}" for one in found if one["verdict"] == "worse"]
    if worse:
        raise GotWorse(f"got worse than in {baseline}: {', '.join(worse)}")


def results(folder: Path) -> "pd.DataFrame":
    """Return a run's verdict rows, from its typed export.

    Raises:
        UsageError: If there are none.
    """
    import pandas as pd
    import pyarrow as pa

    file = folder / "unified_results.parquet"
    if not file.is_file():
        raise UsageError(f"{folder}: no unified_results.parquet here; is it a run's folder?")
    try:
        rows = pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read ({' '.join(str(error).split())[:160]})") from error
    if missing := sorted({*COLUMNS} - {*rows.columns}):
        raise UsageError(f"{file}: has no column {', '.join(missing)}; give a file that iqbench.bench wrote")
    verdicts = rows["correct"].where(judged(rows), 0.0)
    if not pd.api.types.is_numeric_dtype(verdicts) or not verdicts.between(0, 1).all():
        raise UsageError(f"{file}: correct is not a number from 0 to 1; give a file that iqbench.bench wrote")
    return rows


def judged(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Tell which rows hold an answer about a damaged copy."""
    return (rows["status"] == "ok") & (rows["degradation_group"] != "control")


def new_failures(name: str, now: "pd.DataFrame", before: "pd.DataFrame") -> dict[str, int]:
    """Return how many pairs a model judged in the baseline and failed on now, by reason.

    The photo of a row is known by its content, or by its name where its content was never seen.
    """
    lost: dict[str, int] = {}
    failed = now[(now["model_name"] == name) & (now["status"] != "ok")]
    there = before[(before["model_name"] == name) & judged(before)]
    for photo, unseen in (("photo_sha256", False), ("original", True)):
        cell = [photo, *VARIANT]
        rows = failed[failed["photo_sha256"].isna() == unseen].merge(there[cell].drop_duplicates(), on=cell)
        for status, count in rows["status"].value_counts().items():
            lost[str(status)] = lost.get(str(status), 0) + count
    return lost


def check_same_rules(run: Path, baseline: Path) -> None:
    """Refuse runs that were judged by different rules, as far as their summaries say so.

    Raises:
        UsageError: If the protocol, or what a kind of damage means beyond its levels, is another one.
    """
    from iqbench.results.schema import LADDER_KEYS

    here, there = rules(run), rules(baseline)
    for key in sorted(here.keys() & there.keys()):
        if here[key] != there[key] and key.rpartition(".")[2] not in LADDER_KEYS:
            raise UsageError(
                f"{run} and {baseline}: differ in {key} ({here[key]}, not {there[key]}); nothing to compare"
            )


def rules(folder: Path) -> dict[str, Any]:
    """Return the protocol and the settings of each kind of damage in a run's summary; nothing if it has none.

    Raises:
        UsageError: If the summary is there but cannot be read.
    """
    file = folder / "summary.json"
    if not file.is_file():
        print(f"{folder}: no summary.json, so its protocol and degradations are taken to be the same")  # noqa: T201
        return {}
    try:
        identities = [run["identity"] for run in json.loads(file.read_text())["runs"]]
        found = {f"protocol.{key}": value for key, value in identities[0]["protocol"].items()}
        for identity in identities:
            for kind, settings in identity["degradation"].items():
                found |= {f"degradation.{kind}.{key}": value for key, value in settings.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UsageError(
            f"{file}: cannot be read ({type(error).__name__}); make it again with iqbench.report"
        ) from error
    return found


if __name__ == "__main__":
    main()
