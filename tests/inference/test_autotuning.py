"""Autotuning with made-up measurements."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from fixtures.tiny_models import siamese
from iqbench.errors import UsageError
from iqbench.inference import autotuning
from iqbench.inference.autotuning import CPU_BATCH_SIZE, autotune
from iqbench.inference.batching import encode_batch, inference_threads
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import Photo, Scorer
from iqbench.models.rules import Rules
from iqbench.photos import synthetic_photo

AUTO = replace(EngineConfig.for_api("cpu", batch_size=1, workers=0), batch_size="auto")


PICTURE = siamese().prepare(synthetic_photo())


def test_on_a_cpu_the_size_of_batches_is_not_measured_since_bits_depend_on_it() -> None:
    assert autotune(AUTO, siamese(), PICTURE).batch_size == CPU_BATCH_SIZE
    assert autotune(replace(AUTO, batch_size=3), siamese(), PICTURE).batch_size == 3


def test_a_run_that_goes_on_keeps_its_size() -> None:
    record = {"numerics": {"batch_size": 6}}
    assert AUTO.with_recorded_batch_size(record).batch_size == 6
    assert replace(AUTO, batch_size=3).with_recorded_batch_size(record).batch_size == 3
    assert AUTO.with_recorded_batch_size({}).batch_size == "auto"


@pytest.mark.parametrize(
    ("seconds", "limit", "size"),
    [
        ({8: 1.0, 16: 1.2, 32: 1.5, 64: 2.0, 128: 3.95, 256: 7.8, 512: 15.6}, 512, 64),  # 128 gains too little
        ({8: 1.0, 16: 1.2, 32: 1.5, 64: 2.0, 128: 2.5, 256: 3.0, 512: 3.5}, 100, 64),  # 128 does not fit
        ({8: 1.0, 16: 2.0, 32: 4.0, 64: 8.0, 128: 16.0, 256: 32.0, 512: 64.0}, 512, 8),
    ],
)
def test_on_a_gpu_the_fastest_size_is_taken(
    seconds: dict[int, float], limit: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(encode: object, picture: object, size: int, engine: object) -> float:
        if size > limit:
            raise torch.OutOfMemoryError("out of memory")
        return seconds[size]

    monkeypatch.setattr(autotuning, "_seconds", measured)
    monkeypatch.setattr(EngineConfig, "torch_device", SimpleNamespace(type="cuda"))
    assert autotune(AUTO, siamese(), PICTURE).batch_size == size


@pytest.mark.parametrize(("lower", "warned"), [(0.5, False), (1.4, False), (7.04, True)])
def test_a_precision_that_is_only_imitated_is_warned_of(
    lower: float, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = {"fp32": 1.0, "bf16": lower}
    monkeypatch.setattr(autotuning, "_seconds", lambda encode, picture, size, engine: seconds[engine.precision])
    with caplog.at_level(logging.WARNING):
        autotune(replace(AUTO, precision="bf16"), siamese(), PICTURE)
    assert ("engine.precision=bf16: 7.0 times slower than fp32" in caplog.text) is warned
    assert bool(caplog.records) is warned


def test_without_a_photo_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(autotuning, "_seconds")
    monkeypatch.setattr(EngineConfig, "torch_device", SimpleNamespace(type="cuda"))
    engine = autotune(replace(AUTO, precision="bf16", compile=True), siamese(), None)
    assert engine.batch_size == CPU_BATCH_SIZE


def test_rules_have_no_precision_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(autotuning, "_seconds")
    engine = replace(AUTO, precision="bf16", compile=True)
    assert autotune(engine, Rules({}, clipped=True), torch.zeros(4)).batch_size == CPU_BATCH_SIZE


def test_a_model_that_cannot_be_compiled_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*_: object) -> float:
        raise RuntimeError("no working\nC++ compiler")

    monkeypatch.setattr(autotuning, "_seconds", no_compiler)
    with pytest.raises(UsageError, match=r"^engine\.compile=true: .*\(RuntimeError: no working C\+\+ compiler\)"):
        autotune(replace(AUTO, compile=True), siamese(), PICTURE)


class Folded(nn.Module, Scorer):
    """A network with what compiling folds: a convolution, and the normalisation after it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.layers[1].running_mean.copy_(torch.tensor([1.0, -2.0, 3.0, 0.5]))

    def prepare(self, photo: Photo) -> Float[Tensor, "3 16 16"]:
        return torch.from_numpy(photo[:16, :16].copy()).permute(2, 0, 1) / 255

    def encode(self, inputs: Float[Tensor, "n 3 16 16"]) -> Float[Tensor, "n 1"]:
        return self.layers(inputs).mean(dim=(2, 3)).pow(2).sum(dim=1, keepdim=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_each_network_of_a_sweep_is_compiled_with_its_weights_as_constants() -> None:
    engine = replace(AUTO, compile=True, batch_size=CPU_BATCH_SIZE)
    picture = Folded().prepare(synthetic_photo())
    for _ in range(torch._dynamo.config.recompile_limit):
        autotune(engine, engine.place(Folded()), picture)
    model = engine.place(Folded())  # not even the last of many models in one program is left as it is
    autotune(engine, model, picture)
    batch = torch.stack([picture] * CPU_BATCH_SIZE)

    def encoded(encode: Callable[[Tensor], Tensor]) -> Tensor:
        return inference_threads(engine).submit(encode_batch, encode, batch, engine).result()

    plain, compiled = encoded(model.encode), encoded(engine.encoder(model))
    torch.testing.assert_close(compiled, plain)
    with torch.no_grad():
        model.layers[0].weight.zero_()
    assert torch.equal(encoded(engine.encoder(model)), compiled)  # what was folded does not look back
    assert not torch.allclose(encoded(model.encode), plain)
