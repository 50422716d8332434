"""The real pyiqa through the adapter, where it is installed. Networks get random weights of the right shapes."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixtures.photos import noisy_gradient
from iqbench.models.adapters.pyiqa_loading import REFUSED, metrics
from iqbench.models.adapters.pyiqa_metric import PyiqaMetric

pytest.importorskip("pyiqa", reason="pyiqa is not installed; its licence keeps it out of the extras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def encode(metric: Any, photo: np.ndarray) -> float:
    return float(metric.encode(metric.prepare(photo).unsqueeze(0)).item())


def test_66_of_its_74_metrics_without_reference_judge_a_single_photo() -> None:
    configs = importlib.import_module("pyiqa.default_model_configs").DEFAULT_CONFIGS
    without_reference = {name for name, config in configs.items() if config["metric_mode"] != "FR"}
    assert len(without_reference) == 74
    assert len(metrics()) == 66
    assert without_reference - set(metrics()) == set(REFUSED)


@pytest.mark.parametrize(("name", "sign"), [("piqe", -1), ("entropy", 1)])
def test_a_metric_gives_the_number_that_pyiqa_gives(name: str, sign: int) -> None:
    pyiqa = importlib.import_module("pyiqa")
    photo = noisy_gradient(70, 93)
    expected = pyiqa.create_metric(name, device="cpu")(torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255)
    assert encode(PyiqaMetric(name, None), photo) == pytest.approx(sign * float(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "untrained", "key"), [("musiq", "MUSIQ", False, None), ("cnniqa", "CNNIQA", None, "params")]
)
def test_a_network_is_loaded_from_a_file_offline(
    name: str, kind: str, untrained: bool | None, key: str | None, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = getattr(importlib.import_module(f"pyiqa.archs.{name}_arch"), kind)(pretrained=untrained)
    weights = {part: torch.rand_like(value) * 0.02 for part, value in network.state_dict().items()}
    torch.save({key: weights} if key else weights, tmp_path / "weights.pth")
    metric = PyiqaMetric(name, str(tmp_path / "weights.pth"))
    loaded = metric.network.net.state_dict()
    assert all(torch.equal(loaded[part], value) for part, value in weights.items())
    photos = [noisy_gradient(*size) for size in ((64, 64), (97, 61), (300, 200))]
    assert np.isfinite([encode(metric, photo) for photo in photos]).all()
    assert encode(metric, photos[0]) == encode(metric, photos[0])
