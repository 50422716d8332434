"""Does culling find planted series, and is the planted best first? Series of a photo and four worse copies of it.

``python tests/proof/culling.py --photos DIR`` plants a series for each of 100 photos: the photo, and copies that are
blurred, shaken, badly exposed, and cropped at the top or at the sides, as a frame that cuts off a head. All are JPEG
files of one quality, with capture times: a series within four seconds, the next one a minute later. It ranks them,
and compares what was found with what was planted. Neither names nor times tell which photo of a series is the best.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import ExifTags, Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iqbench import photos
from iqbench.interfaces import Photo

QUALITY = 95
TARGET = 0.95
"""Share of the series whose planted best must be first."""


def blurred(photo: Photo, draw: random.Random) -> Photo:
    """Return a photo out of focus, by 0.4 to 1 % of its shorter side."""
    return cv2.GaussianBlur(photo, (0, 0), draw.uniform(0.004, 0.01) * min(photo.shape[:2]))


def shaken(photo: Photo, draw: random.Random) -> Photo:
    """Return a photo that was moved during the exposure, by 2 to 5 % of its shorter side."""
    length = max(3, round(draw.uniform(0.02, 0.05) * min(photo.shape[:2])) | 1)
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), draw.uniform(0, 180), 1)
    kernel = cv2.warpAffine(line, turn, (length, length))
    return cv2.filter2D(photo, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def badly_exposed(photo: Photo, draw: random.Random) -> Photo:
    """Return a photo that is 1 to 2 stops too dark or too bright, in sRGB values."""
    stops = draw.choice([-1, 1]) * draw.uniform(1, 2)
    return np.clip(np.rint(photo * 2.0**stops), 0, 255).astype(np.uint8)


def cropped(photo: Photo, draw: random.Random) -> Photo:
    """Return a photo that lacks 20 to 30 % at the top, or at the left or the right."""
    height, width = photo.shape[:2]
    share, side = draw.uniform(0.2, 0.3), draw.choice(["top", "top", "left", "right"])
    if side == "top":
        return photo[round(share * height) :]
    columns = round(share * width)
    return photo[:, columns:] if side == "left" else photo[:, :-columns]


COPIES: dict[str, Callable[[Photo, random.Random], Photo]] = {
    "blurred": blurred,
    "shaken": shaken,
    "badly exposed": badly_exposed,
    "cropped": cropped,
}


def plant(sources: list[Path], folder: Path, seed: int, with_times: bool) -> pd.DataFrame:
    """Write the series into a folder, and return a row per photo: its name, its series, and what it is."""
    draw, rows = random.Random(seed), []
    for series, source in enumerate(track(sources, "planting")):
        original = photos.read(source).pixels
        pictures = {"best": original} | {kind: make(original, draw) for kind, make in COPIES.items()}
        kinds = list(pictures)
        draw.shuffle(kinds)
        for second, kind in enumerate(kinds):
            exif = Image.Exif()
            if with_times:
                moment = time.gmtime(1_700_000_000 + 60 * series + second)
                exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = time.strftime(
                    "%Y:%m:%d %H:%M:%S", moment
                )
            name = hashlib.sha256(f"{seed} {series} {second}".encode()).hexdigest()[:12] + ".jpg"
            picture = Image.fromarray(np.ascontiguousarray(pictures[kind]))
            picture.save(folder / name, "JPEG", quality=QUALITY, exif=exif)
            rows.append({"photo": f"./{name}", "planted": series, "kind": kind})
    return pd.DataFrame(rows)


def main() -> None:
    """Plant, rank, and exit with 1 if the best is first in too few series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of different photos")
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-times", action="store_true", help="plant no capture times: the look alone decides")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of iqbench.rank, such as model=iqa")
    options = parser.parse_intermixed_args()
    files = sorted(
        path for path in options.photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    )
    sources = sorted(random.Random(options.seed).sample(files, min(options.series, len(files))))
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "photos", Path(place) / "out"
        folder.mkdir()
        planted = plant(sources, folder, options.seed, not options.without_times)
        start = time.perf_counter()
        command = [sys.executable, "-m", "iqbench.rank", str(folder), f"out={out}", *options.settings]
        done = subprocess.run(command, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(done.returncode)
        ranked = pd.read_csv(out / "ranking.csv", keep_default_na=False)
    share = report(planted.merge(ranked, on="photo"), seconds)
    sys.exit(share < TARGET)


def report(rows: pd.DataFrame, seconds: float) -> float:
    """Print what was found, and return the share of planted series whose best is first among its copies."""
    console = Console()
    series = rows.groupby("planted")
    whole = series["series"].nunique().eq(1) & rows.groupby("planted")["series_size"].first().eq(len(COPIES) + 1)
    joined = rows.groupby("series")["planted"].nunique().gt(1).sum()
    best = rows[rows["kind"] == "best"].set_index("planted")
    first = best["place"].eq(1) & whole
    by_position = series.apply(lambda group: group.loc[group["position"].idxmin(), "kind"] == "best")
    console.print(f"{len(rows)} photos in {series.ngroups} planted series, ranked in {seconds:.0f} s")
    console.print(f"found whole: {whole.sum()} ({whole.mean():.1%}); series that join different photos: {joined}")
    console.print(f"planted best first in its series: {first.sum()} ({first.mean():.1%}; {TARGET:.0%} must be)")
    console.print(f"planted best before its copies in the order over all: {by_position.mean():.1%}")
    clear = best["too_close"].eq("False") & whole
    console.print(f"of the {clear.sum()} series that are not too close to call: {first[clear].mean():.1%}")
    table = Table("copy", "behind the best", "in its series", "stars -1", "1", "2", "3 to 5")
    for kind, of_kind in rows.groupby("kind"):
        own = of_kind.set_index("planted")
        worse = own["position"].gt(best["position"]).mean()
        together = own["series"].eq(best["series"]).mean()
        counts = [own["stars"].eq(stars).sum() for stars in (-1, 1, 2)] + [own["stars"].ge(3).sum()]
        table.add_row(str(kind), f"{worse:.0%}", f"{together:.0%}", *map(str, counts))
    console.print(table)
    return float(first.mean())


if __name__ == "__main__":
    main()
