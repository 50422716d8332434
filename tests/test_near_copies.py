"""Eight photos with six re-encoded copies of each are eight photos, for each command that has an interval or a p."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from fixtures.command_line import Outcome, run
from fixtures.labelled_sets import write_csv
from fixtures.near_copies import structured
from iqbench.benchmark.regression import read_verdicts, regressions
from iqbench.results.summary import read_summary

PHOTOS = 8
COPIES = {
    "jpeg80": lambda photo: photo,
    "smaller": lambda photo: photo.resize((3 * photo.width // 4, 3 * photo.height // 4), Image.Resampling.LANCZOS),
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.05),
    "darker": lambda photo: ImageEnhance.Brightness(photo).enhance(0.95),
    "cropped": lambda photo: photo.crop((3, 3, photo.width - 3, photo.height - 3)),
    "jpeg90": lambda photo: photo,
}
QUALITY = {"jpeg80": 80, "jpeg90": 90}

pytestmark = pytest.mark.slow


def write_photos(folder: Path, photos: int = PHOTOS) -> tuple[Path, Path]:
    """Write the photos, and in another folder the photos and their copies."""
    once, copied = folder / "once", folder / "copied"
    for number in range(photos):
        photo = Image.fromarray(structured(number, 210, 280))
        for root in (once, copied):
            root.mkdir(parents=True, exist_ok=True)
            photo.save(root / f"{number:02}.png")
        for name, change in COPIES.items():
            (copied / name).mkdir(exist_ok=True)
            change(photo).save(copied / name / f"{number:02}.jpg", quality=QUALITY.get(name, 95))
    return once, copied


def bench(root: Path, out: Path, *settings: str) -> Path:
    common = ("data=folder", f"data.root={root}", "degradation=jpeg", "gallery=0", "engine.workers=0")
    outcome = run("bench", *(settings or ("-m", "model=contrast,sharpness")), *common, f"out={out}")
    assert outcome.exit_code == 0, outcome.err
    return out


def width(interval: tuple[float, float] | list[float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


def test_a_benchmark_and_its_plan(tmp_path: Path) -> None:
    once, copied = write_photos(tmp_path)
    original, copies = (read_summary(bench(root, tmp_path / f"out {root.name}")) for root in (once, copied))
    assert (copies.clusters.photos, copies.clusters.clusters) == (7 * PHOTOS, PHOTOS)
    for name, model in copies.models.items():
        of_original = original.models[name]
        assert width(model.overall.interval) == pytest.approx(width(of_original.overall.interval), rel=0.25)
    (before,), (after,) = original.pairwise, copies.pairwise
    assert width(after.interval) == pytest.approx(width(before.interval), rel=0.25)
    assert after.p == pytest.approx(before.p, abs=0.1)
    plans = [run("plan", tmp_path / f"out {root.name}", "--difference", "5") for root in (once, copied)]
    assert "photos that show 5 points" in plans[0].out
    assert "clusters that show 5 points" in plans[1].out
    assert "The pilot's 56 photos are 8 clusters" in plans[1].out
    needed = [int(text.split("all pairs")[1].split()[0].replace(",", "")) for text in (plan.out for plan in plans)]
    assert 0.5 < needed[1] / needed[0] < 2


def test_the_gate(tmp_path: Path) -> None:
    outcomes, changes = [], []
    for root in write_photos(tmp_path):
        now, reference = (
            bench(root, tmp_path / f"{model} {root.name}", f"model={model}", "name=m")
            for model in ("contrast", "sharpness")
        )
        outcomes.append(run("check", now, "--baseline", reference))
        changes.append(regressions(read_verdicts(now), read_verdicts(reference)))
    once, copied = outcomes
    assert once.exit_code == copied.exit_code
    assert "56 photos in 8 clusters show falls of at least this size" in copied.out
    for before, after in zip(*changes, strict=True):
        assert (before.clusters, after.clusters, after.photos) == (PHOTOS, PHOTOS, 7 * PHOTOS)
        assert width(after.interval) > 0.7 * width(before.interval)
    naive = regressions(*(read_verdicts(folder).drop(columns="cluster") for folder in (now, reference)))
    assert width(naive[0].interval) < 0.7 * width(changes[1][0].interval)


def evaluate(out: Path, *settings: str) -> tuple[Outcome, dict[str, Any]]:
    outcome = run("evaluate", "model=contrast", *settings, "engine.workers=0", f"out={out}")
    assert outcome.exit_code == 0, outcome.err
    (made,) = json.loads((out / "evaluation.json").read_text())["sets"]
    return outcome, made


def test_an_evaluation_of_pairs(tmp_path: Path) -> None:
    once, copied = write_photos(tmp_path, 24)
    better = np.random.default_rng(0).permutation(24).reshape(-1, 2)
    sets = {}
    for root in (once, copied):
        rows = [[f"{a:02}.png", f"{b:02}.png"] for a, b in better]
        if root == copied:
            rows += [[f"{name}/{a:02}.jpg", f"{name}/{b:02}.jpg"] for name in COPIES for a, b in better]
        write_csv(root / "list.csv", [["better", "worse"], *rows])
        settings = ("data=pairs", f"data.file={root / 'list.csv'}", f"paths.cache={tmp_path / 'cache'}")
        outcome, sets[root] = evaluate(tmp_path / f"out {root.name}", *settings)
    before, after = (made["models"]["contrast"] for made in sets.values())
    assert after["bootstrap"]["units"] == before["bootstrap"]["units"] == 12
    assert width(after["accuracy"]["interval"]) == pytest.approx(width(before["accuracy"]["interval"]), rel=0.15)
    assert after["against_best_baseline"]["p"] > 0.5 * before["against_best_baseline"]["p"]
    assert sets[copied]["clusters"] | {"examples": []} == {
        "by": "series",
        "clusters": 12,
        "photos": 168,
        "near_copies": 84,
        "largest": 14,
        "examples": [],
        "series": 84,
    }
    assert "95 % intervals over 12 clusters of series" in outcome.out
    notice = "84 series in 12 clusters (84 share near-copies; data.cluster=series): intervals count clusters"
    assert f"{notice}. For example: ./00.png and ./brighter/00.jpg; " in outcome.out
    photos = pd.read_csv(tmp_path / "out copied" / "photos.csv")
    assert photos.columns[-3:].tolist() == ["look", "cluster", "near_copy_in_training"]
    assert photos["cluster"].nunique() == 24


def test_an_evaluation_of_votes(tmp_path: Path) -> None:
    sets = {}
    votes = np.random.default_rng(1).multinomial(100, np.full(10, 0.1), size=16)
    for root in write_photos(tmp_path, 16):
        folder = tmp_path / f"ava {root.name}"
        (folder / "images").mkdir(parents=True)
        lines = []
        for number, file in enumerate(sorted(root.rglob("*.[jp][pn]g")), start=1):
            Image.open(file).save(folder / "images" / f"{number}.jpg", quality=95)
            lines.append(" ".join(map(str, [number, number, *votes[int(file.stem)], 0, 0, 1])))
        (folder / "AVA.txt").write_text("".join(f"{line}\n" for line in lines))
        settings = ("data=ava", "data.split=random", "split=all", f"data.root={folder}")
        cache = f"paths.cache={tmp_path / 'cache'}"
        outcome, sets[root.name] = evaluate(tmp_path / f"out {root.name}", *settings, cache)
    assert "112 photos in 16 clusters (112 are near-copies; data.cluster=look): intervals count clusters" in outcome.out
    assert "95 % intervals over 16 clusters of photos" in outcome.out
    before, after = (made["models"]["contrast"] for made in sets.values())
    assert after["bootstrap"]["units"] == before["bootstrap"]["units"] == 16
    for name in ("srcc", "plcc", "krcc"):
        assert width(after[name]["interval"]) > 0.75 * width(before[name]["interval"]), name
    pairs_before, pairs_after = (model["pairs_from_votes"]["accuracy"]["interval"] for model in (before, after))
    assert width(pairs_after) > 0.75 * width(pairs_before)
