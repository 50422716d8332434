"""Write photos and all their variants as files for other programs: ``python -m iqbench.export data=folder``."""

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from iqbench import cli, commands
from iqbench import config as configuration
from iqbench.bench import Request
from iqbench.errors import TooManyFailures
from iqbench.job import Job

if TYPE_CHECKING:
    from iqbench.exporting.picture_files import PictureFiles
    from iqbench.picture_manifest import PictureRow

log = logging.getLogger(__name__)


def main() -> None:
    """Start the export from the command line."""
    cli.launch(job, "export")


def job(config: DictConfig) -> None:
    """Export the pictures, and print where they are and how they come back.

    Raises:
        TooManyFailures: If more pictures are missing than ``max_failures``. All others are written.
    """
    from iqbench.exporting.picture_files import counted
    from iqbench.exporting.score_template import TEMPLATE
    from iqbench.inference.failures import NOT_APPLICABLE

    current = Job.current()
    cli.prepare(config, current, "export")
    rows = export(Request(config), current.folder)
    scores = commands.override("model.file", str(current.folder / TEMPLATE))
    bench = current.command("bench", without=("out", "paths", "print_config", "max_failures", "name"))
    log.info("results: %s", current.folder)
    log.info("next: write a score for each file into %s, then %s", TEMPLATE, f"{bench} model=scores {scores}")
    failures = {status: count for status, count in counted(rows).items() if status != NOT_APPLICABLE}
    if sum(failures.values()) > config.max_failures:
        counts = ", ".join(f"{count} {status}" for status, count in failures.items())
        raise TooManyFailures(f"finished, but pictures are missing: {counts}; see status and error in manifest.csv")


def export(request: Request, folder: Path) -> "Sequence[PictureRow]":
    """Write the pictures of all photos, the template of the scores, and the manifest last; return its rows.

    A folder with a manifest holds a whole export.

    Args:
        request: The photos and the variants.
        folder: The folder of the export, which exists.

    Raises:
        IqbenchError: If the config cannot be used, or the disk has no room.
    """
    from iqbench.benchmark.plan import shard_of
    from iqbench.degradations.rehearsal import rehearse
    from iqbench.exporting.picture_files import PictureFiles
    from iqbench.exporting.score_template import write_template
    from iqbench.io import lock, write_text
    from iqbench.picture_manifest import MANIFEST, manifest_text
    from iqbench.progress import track
    from iqbench.provenance import versions

    config = request.config
    engine = configuration.build(config.engine, "engine")
    listing = request.photos()
    files = shard_of(listing.files, config.shard, config.shards)
    variants = request.suite()
    made_by = {"suite": rehearse(variants), "versions": versions()}
    pictures = PictureFiles(folder, files, variants, made_by, listing.files)
    with lock(folder):
        _check_room(pictures)
        (folder / MANIFEST).unlink(missing_ok=True)
        with closing(engine.worker_pool(len(files)).in_order(pictures)) as exported:
            photos = list(track(exported, "export", len(files)))
        removed = pictures.remove_others()
        rows = [row for photo in photos for row in photo.rows]
        write_template(folder, rows)
        write_text(folder / MANIFEST, manifest_text(rows))
    kept = sum(photo.kept for photo in photos)
    notes = [f"{kept} photos were there already"] * bool(kept)
    notes += [f"{removed} photos that are no longer asked for were removed"] * bool(removed)
    log.info("%s", "; ".join([f"{sum(bool(row.file) for row in rows):,} of {len(rows):,} pictures written", *notes]))
    return rows


def _check_room(pictures: "PictureFiles") -> None:
    """Say how much room the unfinished photos need, and stop if the disk has less."""
    from iqbench.exporting.disk_room import check_room, estimated_bytes, in_units

    total, unfinished = len(pictures), pictures.unfinished()
    needed = estimated_bytes(pictures.files, pictures.variants, pictures.source_files) if unfinished else 0
    needed = round(needed * unfinished / total)
    free = check_room(pictures.folder, needed)
    log.info(
        "%d photos x %d pictures: about %s more, %s are free",
        total,
        len(pictures.keys),
        in_units(needed),
        in_units(free),
    )


if __name__ == "__main__":
    main()
