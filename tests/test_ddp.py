"""Two processes learn what one does."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from fixtures.photos import noisy_gradient

pytestmark = pytest.mark.slow


def test_two_processes_learn_what_one_does_from_the_same_batches(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for at in range(7):
        Image.fromarray(noisy_gradient(60, 80, seed=at)).save(photos / f"{at}.png")
    recipe = [
        "model=siamese",
        "model.backbone=test_efficientnet",  # small, and with batch normalisation
        "model.weights=none",
        "model.batch_statistics=kept",
        "model.size=64",
        "model.dropout=0",
        "model.optimizer={name: SGD, lr: 0.1, backbone_lr: 0.1, layer_decay: 1.0}",  # Adam would magnify roundings
        "trainer.max_epochs=2",
        "degradation=blur",
        "examples.workers=0",
    ]
    recipe += ["examples.batch_size=4", "data=folder", f"data.root={photos}"]
    checkpoints = []
    for name, trainer in (("one", "trainer=default"), ("two", "trainer=ddp trainer.devices=2")):
        command = [sys.executable, "-m", "iqbench.train", *recipe, *trainer.split(), "trainer.accelerator=cpu"]
        run = subprocess.run([*command, f"out={tmp_path / name}"], capture_output=True, text=True, timeout=240)
        assert run.returncode == 0, run.stderr
        assert run.stderr.count("best checkpoint:") == 1  # one process speaks for both
        checkpoints.append(torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True))
    one_process, two_processes = checkpoints
    assert one_process["global_step"] == two_processes["global_step"]
    for tensor, value in one_process["state_dict"].items():
        torch.testing.assert_close(two_processes["state_dict"][tensor], value, rtol=1e-4, atol=1e-5)
    scores = [
        next(state["best_model_score"] for key, state in run["callbacks"].items() if "'val/loss'" in key)
        for run in checkpoints
    ]
    assert float(scores[1]) == pytest.approx(float(scores[0]), rel=1e-5)
    answers = [
        pd.concat(map(pd.read_parquet, sorted((tmp_path / n / "predictions").glob("*")))) for n in ("one", "two")
    ]
    assert answers[0]["index"].tolist() == answers[1]["index"].tolist()  # no example twice, none missing
