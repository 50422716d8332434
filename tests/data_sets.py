"""Tiny labelled sets in the exact layout of the real ones, with photos made from how good they are meant to be."""

import csv
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from iqbench.interfaces import Photo

Painter = Callable[[float, int], Photo]
"""Makes a photo from its quality, 0 to 1, and a number that no two photos share."""

UNKNOWN_ID = 999999999
"""Stands in AVA's test list, and has no votes."""


def painted(quality: float, number: int) -> Photo:
    """Noise that is brighter the better the photo is: something that any model can learn to see."""
    noise = np.random.default_rng(number).normal(0, 20, (40, 48, 3))
    return np.clip(40 + 170 * quality + noise, 0, 255).astype(np.uint8)


def write_phototriage(
    root: Path,
    series: int = 12,
    photos_per_series: int = 3,
    validation_series: int = 4,
    pixels: Painter = painted,
    reviews: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Write ``root/train_val`` and return each photo's quality by its name in iqbench."""
    generator, qualities = np.random.default_rng(seed), {}
    home = root / "train_val"
    (home / "train_val_imgs").mkdir(parents=True)
    for name, first, count in (("train", 1, series), ("val", series + 1, validation_series)):
        lines = []
        for number in range(first, first + count):
            good = generator.permutation(np.linspace(0.1, 0.9, photos_per_series)).tolist()
            lines += pair_lines(number, good)
            for photo, quality in enumerate(good, start=1):
                spelled = f"train_val_imgs/{number:06d}-{photo:02d}.JPG"
                save(home / spelled, pixels(quality, 100 * number + photo))
                qualities[f"./{spelled}"] = quality
            if reviews:
                write_reviews(home / "reviews_trainval" / "reviews_trainval", number, photos_per_series, generator)
        (home / f"{name}_pairlist.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())
    return qualities


def pair_lines(series: int, qualities: list[float]) -> list[str]:
    """Each pair of a series, with the ratio that Bradley and Terry would expect."""
    ranks = {photo: rank for rank, photo in enumerate(sorted(range(len(qualities)), key=lambda p: -qualities[p]), 1)}
    lines = []
    for one, other in combinations(range(len(qualities)), 2):
        ratio = np.clip(1 / (1 + np.exp(5 * (qualities[other] - qualities[one]))), 0.01, 0.99)
        lines.append(f"{series} {one + 1} {other + 1} {ratio:.3f} {ranks[one]} {ranks[other]}")
    return lines


def write_reviews(folder: Path, series: int, photos: int, generator: np.random.Generator) -> None:
    """Votes that have nothing to do with the pair list, like the real ones when they are joined by name."""
    folder.mkdir(parents=True, exist_ok=True)
    reviews = [
        {
            "compareID1": one,
            "compareID2": other,
            "compareFile1": f"{series}-{one + 1}.JPG",
            "compareFile2": f"{series}-{other + 1}.JPG",
            "userChoice": ["LEFT", "RIGHT"][generator.integers(2)],
            "reason": ["", "sharper"],
        }
        for one, other in combinations(range(photos), 2)
    ]
    (folder / f"{series:06d}.json").write_text(json.dumps({"reviews": reviews}))


def write_ava(
    root: Path, photos: int = 40, test: int = 10, images: str = "images", pixels: Painter = painted, seed: int = 0
) -> dict[str, float]:
    """Write a small AVA of which the last ``test`` photos are the official test split; return qualities by name."""
    generator, qualities, lines, ids = np.random.default_rng(seed), {}, [], []
    (root / images).mkdir(parents=True)
    for number, quality in enumerate(generator.permutation(np.linspace(0, 1, photos)).tolist(), start=1):
        ids.append(953000 + 7 * number)
        shares = np.exp(-(((np.arange(1, 11) - 2.5 - 6 * quality) / 1.4) ** 2) / 2)
        votes = generator.multinomial(200, shares / shares.sum())
        lines.append(" ".join(map(str, [number, ids[-1], *votes, 1, 0, 1396])))
        save(root / images / f"{ids[-1]}.jpg", pixels(quality, number))
        qualities[f"./{ids[-1]}.jpg"] = quality
    (root / "AVA.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())
    (root / "aesthetics_image_lists").mkdir()
    listed = [*ids[photos - test :], UNKNOWN_ID]
    (root / "aesthetics_image_lists" / "generic_test.jpgl").write_text("".join(f"{id_}\n" for id_ in listed))
    return qualities


def write_pairs(
    root: Path, series: int = 12, photos_per_series: int = 3, pixels: Painter = painted, seed: int = 0
) -> dict[str, float]:
    """Write ``root/list.csv``, all pairs of each series, and the photos in sub-folders; return qualities by name."""
    generator, qualities, rows = np.random.default_rng(seed), {}, []
    for number in range(series):
        (root / f"scene {number}").mkdir(parents=True)
        names = {}
        for photo, quality in enumerate(generator.permutation(np.linspace(0.1, 0.9, photos_per_series)).tolist()):
            names[quality] = f"scene {number}/{photo}.jpg"
            save(root / names[quality], pixels(quality, 100 * number + photo))
            qualities[f"./{names[quality]}"] = quality
        rows += [[names[good], names[bad]] for bad, good in combinations(sorted(names), 2)]
    write_csv(root / "list.csv", [["better", "worse"], *rows])
    return qualities


def write_csv(file: Path, rows: list[list[str]]) -> None:
    with file.open("w", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(rows)


def save(path: Path, photo: Photo) -> None:
    Image.fromarray(photo).save(path, "JPEG", quality=90)
