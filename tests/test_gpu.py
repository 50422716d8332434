"""What a GPU answers: the CPU's answers in fp32, and no worse than rounding in other precisions."""

from dataclasses import replace

import pytest
import torch

import iqbench
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.config import build, compose
from iqbench.datasets.samples import Samples
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.tensor_pictures import tensor_pictures
from iqbench.interfaces import QualityModel, Variant

pytestmark = pytest.mark.gpu

ROUNDING = {"fp32": 1e-4, "tf32": 0.5, "bf16": 2.0}
"""The most by which a margin may differ from the CPU's, in log-odds."""


def untrained() -> QualityModel:
    """A network whose pictures are made on the device."""
    torch.manual_seed(0)
    config = compose("bench", ["model=siamese", "model.preprocessing=squash", "model.checkpoint=untrained"])
    model: QualityModel = build(config.model, "model")
    return model


def variants() -> list[Variant]:
    config = compose("bench", ["model=iqa"])
    return suite({kind: build(node, kind) for kind, node in config.degradation.items()})


def margins(model: QualityModel, engine: EngineConfig) -> torch.Tensor:
    files = list(Samples(limit=None, seed=0).photos().files)
    placed = engine.place(model)
    made = tensor_pictures(placed, variants(), engine, files, files)
    scored = score_pairs(BenchmarkTask(placed, files, variants(), engine, files, tensor_pictures=made))
    answers = [(pair.forward, pair.backward) for photo in scored for pair in photo.pairs]
    assert all(None not in pair for pair in answers)
    return torch.tensor(answers)


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("pictures", ["workers", "device"])
def test_margins_are_those_of_the_cpu(gpu: torch.device, precision: str, pictures: str) -> None:
    expected = margins(untrained(), EngineConfig.for_api("cpu", batch_size=4, workers=0))
    engine = EngineConfig.for_api(str(gpu), batch_size=64, workers=0, precision=precision)
    found = margins(untrained(), replace(engine, pictures=pictures))
    assert (found - expected).abs().max() < ROUNDING[precision]


def test_fp32_gives_the_verdicts_of_the_cpu(gpu: torch.device) -> None:
    expected = margins(
        iqbench.load("siamese", device="cpu").model, EngineConfig.for_api("cpu", batch_size=4, workers=0)
    )
    found = margins(
        iqbench.load("siamese", device="cpu").model, EngineConfig.for_api(str(gpu), batch_size=64, workers=0)
    )
    is_clear = expected.abs() > 1e-5
    assert torch.equal(found[is_clear] > 0, expected[is_clear] > 0)
