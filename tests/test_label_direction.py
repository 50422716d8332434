"""The direction of a label, from the training example to the benchmark's verdict: better must come out as better."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import noisy_gradient
from iqbench.benchmark.engine import Settings, answers
from iqbench.benchmark.store import ORIGINAL
from iqbench.benchmark.verdicts import Protocol, judge
from iqbench.data.degraded import DegradedPhotos
from iqbench.data.folder import Folder
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.ladder import suite
from iqbench.interfaces import PhotoFile
from schooling import ava, fit, siamese

FAIR = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=1e-6)
VOTES = {"original": 7.0, "harshest": 3.0, "spread": 1.4}
ADAM = {"name": "Adam", "lr": 0.01, "backbone_lr": 0.01}


def made_photos(root: Path, seeds: range) -> list[PhotoFile]:
    root.mkdir()
    for seed in seeds:
        bright = 90 + noisy_gradient(48, 40 + seed, seed).astype(float) * 0.6
        Image.fromarray(np.clip(bright, 0, 255).astype(np.uint8)).save(root / f"{seed:02}.png")
    return list(Folder(str(root), limit=None, seed=0).photos().files)


@pytest.mark.parametrize("build", [siamese, ava])
def test_a_judge_trained_on_obvious_damage_prefers_the_photo_in_the_benchmark(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    darker = suite({"exposure": exposure_ladders([-3, -2], "encoded")})
    model = build(optimizer=ADAM)
    data = DegradedPhotos(
        files=made_photos(tmp_path / "training", range(8)),
        variants=darker,
        prepare=model.prepare,
        labels=model.labels,
        validation_share=0.2,
        batch_size=8,
        workers=0,
        seed=0,
        votes=VOTES,
    )
    fit(model, list(data.train_dataloader().dataset) * 6, tmp_path, batch_size=8, max_epochs=2)
    assert accuracy(model, made_photos(tmp_path / "others", range(20, 32)), darker) > 0.9


def accuracy(model: Any, files: list[PhotoFile], variants: list[Any]) -> float:
    """The share of right verdicts on photos that the model has not seen."""
    settings = Settings(device="cpu", precision="fp32", batch_size=8, workers=0)
    rows = [asdict(pair) for _, pairs in answers(model, files, variants, settings) for pair in pairs]
    table = pd.DataFrame([row for row in rows if row["reference"] == ORIGINAL])
    assert len(table) == len(files) * len(variants)
    table = table.rename(columns={"score_reference": "score_original", "score_variant": "score_degraded"})
    return float(judge(table, FAIR)["correct"].mean())


@pytest.mark.parametrize("build", [siamese, ava])
def test_a_judge_trained_on_reversed_labels_prefers_the_damage(build: Callable[..., Any], tmp_path: Path) -> None:
    """The test above could pass by luck of the network; then this one would fail."""
    darker = suite({"exposure": exposure_ladders([-3, -2], "encoded")})
    model = build(optimizer=ADAM)
    upside_down = {**VOTES, "original": 3.0, "harshest": 7.0}
    data = DegradedPhotos(
        files=made_photos(tmp_path / "training", range(8)),
        variants=darker,
        prepare=model.prepare,
        labels=model.labels,
        validation_share=0.2,
        batch_size=8,
        workers=0,
        seed=0,
        votes=upside_down,
    )
    batch = list(data.train_dataloader().dataset) * 6
    if model.labels == "pairs":
        batch = [pair._replace(preference=1 - pair.preference) for pair in batch]
    fit(model, batch, tmp_path, batch_size=8, max_epochs=2)
    assert accuracy(model, made_photos(tmp_path / "others", range(20, 32)), darker) < 0.1
