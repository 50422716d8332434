"""The direction of a label, from the training example to the benchmark's verdict: better must come out as better."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fixtures.photos import noisy_gradient
from fixtures.tiny_models import ava, fit, siamese
from fixtures.tiny_models import examples as batches
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.degraded import DegradedPhotos
from iqbench.datasets.folder import Folder
from iqbench.degradations.drawn import Kind
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import PhotoFile
from iqbench.protocol import Protocol, decide
from iqbench.results.schema import ORIGINAL

FAIR = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=1e-6)
VOTES = {"original": 7.0, "harshest": 3.0, "spread": 1.4}
DARKER_KIND = Kind("exposure", partial(exposure_ladders, stops=[-3, -2], light="encoded"))
DARKER = suite({"exposure": DARKER_KIND.degradation})
ADAM = {"name": "Adam", "lr": 0.01, "backbone_lr": 0.01, "layer_decay": 1.0}


def made_photos(root: Path, seeds: range) -> list[PhotoFile]:
    root.mkdir()
    for seed in seeds:
        bright = 90 + noisy_gradient(48, 40 + seed, seed).astype(float) * 0.6
        Image.fromarray(np.clip(bright, 0, 255).astype(np.uint8)).save(root / f"{seed:02}.png")
    return list(Folder(str(root), limit=None, seed=0).photos().files)


def trained(build: Callable[..., Any], folder: Path, upside_down: bool) -> Any:
    """A judge of photos and darker copies of them, after a few steps."""
    model = build(optimizer=ADAM)
    data = DegradedPhotos(
        files=made_photos(folder / "training", range(8)),
        kinds=[DARKER_KIND],
        learner=model,
        examples=batches(),
        validation_share=0.2,
        seed=0,
        votes={"original": 3.0, "harshest": 7.0, "spread": 1.4} if upside_down else VOTES,
    )
    examples = list(data.train_dataloader().dataset) * 6
    if upside_down and data.labels == "pairs":
        examples = [pair._replace(preference=1 - pair.preference) for pair in examples]
    fit(model, examples, folder, batch_size=8, max_epochs=2)
    return model


def judged(model: Any, files: list[PhotoFile]) -> tuple[float, float]:
    """The share of right verdicts, and the mean margin, on photos that the model has not seen."""
    engine = EngineConfig.for_api("cpu", batch_size=8, workers=0)
    rows = [asdict(pair) for _, pairs, _ in score_pairs(BenchmarkTask(model, files, DARKER, engine)) for pair in pairs]
    table = pd.DataFrame([row for row in rows if row["reference"] == ORIGINAL])
    assert len(table) == len(files) * len(DARKER)
    table = table.rename(columns={"score_reference": "score_original", "score_variant": "score_degraded"})
    verdicts = decide(table, FAIR)
    return float(verdicts["correct"].mean()), float(verdicts["margin"].mean())


@pytest.mark.parametrize("build", [siamese, ava])
def test_a_judge_trained_on_obvious_damage_prefers_the_photo(build: Callable[..., Any], tmp_path: Path) -> None:
    model = trained(build, tmp_path, upside_down=False)
    accuracy, margin = judged(model, made_photos(tmp_path / "others", range(20, 32)))
    assert accuracy > 0.9
    assert margin > 1  # an opinion, not the luck of the first weights


@pytest.mark.parametrize("build", [siamese, ava])
def test_a_judge_trained_on_labels_upside_down_prefers_the_damage(build: Callable[..., Any], tmp_path: Path) -> None:
    model = trained(build, tmp_path, upside_down=True)  # so it is the labels that the test above is about
    accuracy, margin = judged(model, made_photos(tmp_path / "others", range(20, 32)))
    assert accuracy < 0.1
    assert margin < -1
