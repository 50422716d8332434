"""Draw every damage of a suite on one photo: ``python -m iqbench.sheet PHOTO OUT.png --suite extended``."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqbench.errors import UsageError, as_disk_error, did_you_mean, exit_on_error
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile, Variant
from iqbench.paths import argument
from iqbench.version import iqbench_version

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = (".png", ".jpg", ".jpeg", ".webp")
GAP, LABEL = 4, 14
"""Pixels between two pictures, and of the line of text above each."""

INK, PAPER = (60, 60, 60), (255, 255, 255)


def main() -> None:
    """Write a contact sheet: a row for each ladder, the original first, then its levels from mild to severe."""
    parser = argparse.ArgumentParser(
        prog="iqbench.sheet",
        description="Draw every damage of a suite on one photo: a row for each ladder, the original first, then its "
        "levels from mild to severe.",
        epilog="example: python -m iqbench.sheet photo.jpg sheet.png --suite extended",
    )
    parser.add_argument("--version", action="version", version=f"iqbench.sheet {iqbench_version()}")
    parser.add_argument("photo", type=argument, metavar="PHOTO", help="a photo")
    parser.add_argument("out", type=argument, metavar="OUT", help="the picture to write, PNG, JPEG or WebP")
    parser.add_argument(
        "--suite", default="standard", metavar="NAMES", help="suites or types, as in degradation=; default standard"
    )
    parser.add_argument(
        "--width", type=int, default=160, metavar="PX", help="width of the original on the sheet; default 160"
    )
    options = parser.parse_args()
    with exit_on_error("iqbench.sheet"):
        if options.width < 16:
            raise UsageError(f"--width {options.width}: must be 16 px or more")
        if options.out.suffix.lower() not in FORMATS:
            raise UsageError(f"{options.out}: must end in one of {', '.join(FORMATS)}")
        if not options.photo.exists():
            raise UsageError(f"{options.photo}: no such file")
        if options.out.exists() and options.out.samefile(options.photo):
            raise UsageError(f"{options.out}: is the photo itself; give another name for the sheet")
        if not options.out.parent.is_dir():
            raise UsageError(f"{options.out}: no such folder as {options.out.parent}")
        write_sheet(options.photo, options.out, options.suite.split(","), options.width)


def write_sheet(photo: Path, out: Path, names: Sequence[str], width: int) -> None:
    """Write the contact sheet of a photo.

    Args:
        photo: The photo.
        out: The picture to write.
        names: Suites or types, by the names of their files in conf/degradation.
        width: Width of the original on the sheet, in pixels.

    Raises:
        UsageError: If the photo cannot be read, or a name does not exist.
        DiskError: If the picture cannot be written.
    """
    from iqbench import photos
    from iqbench.io import atomic_write

    try:
        pixels = photos.read(photo).pixels
    except photos.PhotoError as error:
        raise UsageError(f"{photo}: {error}") from error
    file = PhotoFile(f"./{photo.name}", photo)
    sheet = contact_sheet(pixels, variants_of(names), width, PhotoContext(file, [file]))
    with as_disk_error(), atomic_write(out) as place:
        sheet.save(place, format={".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(out.suffix.lower(), "PNG"))


def variants_of(names: Sequence[str]) -> list[Variant]:
    """Return the variants of some suites or types, each type once.

    Raises:
        UsageError: If a name does not exist.
    """
    from iqbench.config import build, choices_of, compose
    from iqbench.degradations.ladder import suite

    choices = choices_of("degradation")
    nodes: dict[Any, Any] = {}
    for name in names:
        if name not in choices:
            hint = did_you_mean(name, choices)
            raise UsageError(f"--suite {name}: no such damage.{hint} There are: {', '.join(choices)}")
        nodes |= dict(compose("bench", [f"degradation={name}"]).degradation)
    return suite({str(kind): build(node, f"degradation.{kind}") for kind, node in nodes.items()})


def contact_sheet(photo: Photo, variants: Sequence[Variant], width: int, context: PhotoContext) -> "Image":
    """Return a sheet: a row for each ladder, the original first, then its levels from mild to severe.

    The whole photo is damaged, and then shrunk, so that fine damage is hard to see on the sheet of a large photo.

    Args:
        photo: The original.
        variants: The variants.
        width: Width of the original on the sheet, in pixels; all pictures are shrunk by the same factor.
        context: Where the photo comes from.
    """
    from PIL import Image, ImageDraw

    from iqbench.progress import track

    ladders: dict[str, list[Variant]] = {}
    for variant in variants:
        ladders.setdefault(variant.ladder, []).append(variant)
    scale = min(1.0, width / photo.shape[1])
    cell = round(photo.shape[1] * scale) + GAP, round(photo.shape[0] * scale) + LABEL + GAP
    columns = 1 + max(len(levels) for levels in ladders.values())
    sheet = Image.new("RGB", (columns * cell[0], len(ladders) * cell[1]), PAPER)
    text = ImageDraw.Draw(sheet)
    for row, (ladder, levels) in enumerate(track(ladders.items(), "drawing", total=len(ladders))):
        steps: list[Variant | None] = [None, *levels]
        for column, step in enumerate(steps):
            left, top = column * cell[0], row * cell[1]
            text.text((left, top), ladder if step is None else step.level, fill=INK)
            try:
                picture = photo if step is None else step.picture(photo, context)
            except NotApplicable:
                text.text((left, top + LABEL), "not applicable", fill=INK)
                continue
            size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
            sheet.paste(Image.fromarray(picture).resize(size, Image.Resampling.BOX), (left, top + LABEL))
    return sheet


if __name__ == "__main__":
    main()
