"""What is found by measuring before a run starts; the measurements are made up."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from iqbench.benchmark import fitting
from iqbench.benchmark.fitting import ON_A_CPU, fitted
from iqbench.benchmark.settings import Settings
from iqbench.errors import UsageError
from iqbench.models.rules import Rules
from schooling import siamese

AUTO = replace(Settings.plain("cpu", batch_size=1, workers=0), batch_size="auto")


def test_on_a_cpu_the_size_of_batches_is_not_measured_since_bits_depend_on_it() -> None:
    assert fitted(AUTO, siamese()).batch_size == ON_A_CPU
    assert fitted(replace(AUTO, batch_size=3), siamese()).batch_size == 3


def test_a_run_that_goes_on_keeps_its_size() -> None:
    known = {"numerics": {"batch_size": 6}}
    assert AUTO.as_recorded(known).batch_size == 6
    assert replace(AUTO, batch_size=3).as_recorded(known).batch_size == 3
    assert AUTO.as_recorded({}).batch_size == "auto"


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
    def measured(encode: object, picture: object, size: int, settings: object) -> float:
        if size > limit:
            raise torch.OutOfMemoryError("out of memory")
        return seconds[size]

    monkeypatch.setattr(fitting, "_seconds", measured)
    monkeypatch.setattr(Settings, "torch_device", SimpleNamespace(type="cuda"))
    assert fitted(AUTO, siamese()).batch_size == size


@pytest.mark.parametrize(("lower", "warned"), [(0.5, False), (1.4, False), (7.04, True)])
def test_a_precision_that_is_only_imitated_is_warned_of(
    lower: float, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = {"fp32": 1.0, "bf16": lower}
    monkeypatch.setattr(fitting, "_seconds", lambda encode, picture, size, settings: seconds[settings.precision])
    with caplog.at_level(logging.WARNING):
        fitted(replace(AUTO, precision="bf16"), siamese())
    assert ("engine.precision=bf16: 7.0 times slower than fp32" in caplog.text) is warned
    assert bool(caplog.records) is warned


def test_rules_have_no_precision_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fitting, "_seconds")
    assert fitted(replace(AUTO, precision="bf16", compile=True), Rules({}, clipped=True)).batch_size == ON_A_CPU


def test_a_model_that_cannot_be_compiled_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*_: object) -> float:
        raise RuntimeError("no working\nC++ compiler")

    monkeypatch.setattr(fitting, "_seconds", no_compiler)
    with pytest.raises(UsageError, match=r"^engine\.compile=true: .*\(RuntimeError: no working C\+\+ compiler\)"):
        fitted(replace(AUTO, compile=True), siamese())
