"""Contact sheets of semantic damage: ``python -m iqbench.subjects DIR --out FOLDER`` shows what is made of photos."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from iqbench.errors import UsageError, exit_on_error
from iqbench.paths import argument
from iqbench.version import iqbench_version

if TYPE_CHECKING:
    from iqbench.degradations.semantic.subject import SubjectFinder
    from iqbench.interfaces import Variant

PER_SHEET = 10
"""Photos on a sheet."""

TYPES = ("remove_subject", "change_background")


def main() -> None:
    """Write the contact sheets of a folder's photos."""
    parser = argparse.ArgumentParser(
        prog="iqbench.subjects",
        description="Show the subjects of photos, and what remove_subject and change_background make of them.",
        epilog="writes sheet_001.png, ... and subjects.csv, with the reason where something cannot be made",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.subjects {iqbench_version()}")
    parser.add_argument("photos", type=argument, metavar="DIR", help="a folder of photos")
    parser.add_argument("--out", type=argument, required=True, metavar="FOLDER", help="the folder of the sheets")
    parser.add_argument("--limit", type=int, metavar="N", help="photos to show, chosen as data.limit does")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the choice (default: %(default)s)")
    help_ = "settings of conf/degradation/subject, such as segmenter=grabcut"
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=help_)
    options = parser.parse_intermixed_args()
    with exit_on_error("iqbench.subjects"):
        write_sheets(options.photos, options.out, options.limit, options.seed, options.settings)


def write_sheets(photos: Path, out: Path, limit: int | None, seed: int, settings: list[str]) -> None:
    """Write the contact sheets and a table of what cannot be made, with the reasons.

    Args:
        photos: The folder of the photos.
        out: The folder of the sheets, which is created.
        limit: The number of photos, None for all.
        seed: Seed of their choice.
        settings: Overrides of conf/degradation/subject.

    Raises:
        UsageError: If a setting cannot be used, or there are no photos.
    """
    import pandas as pd

    from iqbench.datasets.folder import Folder
    from iqbench.degradations.semantic.contact_sheet import SheetRow, sheet, sheet_row
    from iqbench.io import atomic_write
    from iqbench.photos import PhotoError
    from iqbench.progress import track

    variants, finder = _suite(settings)
    files = list(Folder(str(photos), limit=limit, seed=seed).photos().files)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be created ({error.strerror}); choose another --out") from error
    table, rows, number = list[dict[str, str]](), list[SheetRow](), 0
    for place, file in enumerate(track(files, "subjects", len(files)), start=1):
        try:
            row = sheet_row(file, files, variants, finder)
            rows.append(row)
            table += [
                {
                    "photo": file.name,
                    "variant": key,
                    "status": status,
                    "other": row.other,
                    "made_with": finder.made_with,
                }
                for key, status in row.statuses.items()
            ]
        except PhotoError as error:
            table.append({"photo": file.name, "status": str(error)})
        if rows and (len(rows) == PER_SHEET or place == len(files)):
            number += 1
            with atomic_write(out / f"sheet_{number:03d}.png") as temporary:
                temporary.write_bytes(sheet(rows).tobytes())
            rows = []
    statuses = pd.DataFrame(table, columns=["photo", "variant", "status", "other", "made_with"])
    with atomic_write(out / "subjects.csv") as temporary:
        statuses.to_csv(temporary, index=False)
    for key, of_variant in statuses.groupby("variant", sort=False)["status"]:
        print(f"{key}: {(of_variant == 'ok').sum()} of {len(of_variant)} photos")  # noqa: T201
    print(f"{number} sheets in {out}")  # noqa: T201


def _suite(settings: list[str]) -> "tuple[list[Variant], SubjectFinder]":
    """Return the variants of both types, and what finds their subjects."""
    from iqbench import config
    from iqbench.degradations.ladder import suite
    from iqbench.interfaces import Variant

    variants = list[Variant]()
    for kind in TYPES:
        overrides = [f"degradation.{kind}.subject.{setting}" for setting in settings]
        node = config.compose("bench", [f"degradation={kind}", "name=subjects", "out=.", *overrides]).degradation[kind]
        variants += suite({kind: config.build(node, f"degradation.{kind}")})
        finder = config.build(node.subject, f"degradation.{kind}.subject")
    return variants, finder


if __name__ == "__main__":
    main()
