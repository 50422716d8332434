"""fp32 is IEEE's while a model judges, whatever somebody has set, and the settings are given back."""

import threading
from collections.abc import Iterator

import pytest
import torch

from iqbench.errors import UsageError
from iqbench.inference.batching import Batcher
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.float_format import computing_in, float_format, set_float_format
from iqbench.inference.process_state import process_settings, restore_settings

SETTINGS = {
    "as torch starts": lambda: None,
    "TF32 by the older settings": lambda: torch.set_float32_matmul_precision("high"),
    "TF32 by the newer settings": lambda: setattr(torch.backends, "fp32_precision", "tf32"),
    "convolutions apart": lambda: setattr(torch.backends.cudnn.conv, "fp32_precision", "ieee"),
}
HAS_NEWER = hasattr(torch.backends.cudnn, "conv")


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    before = float_format()
    yield
    if HAS_NEWER:
        torch.backends.fp32_precision = "none"
    set_float_format(before)


@pytest.fixture(params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> str:
    if not HAS_NEWER and request.param not in list(SETTINGS)[:2]:
        pytest.skip("this torch has the older settings only")
    SETTINGS[request.param]()
    return str(request.param)


def formats() -> list[str]:
    """Return the format of each operation, in the words of the newer settings."""
    if not HAS_NEWER:
        older = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
        return ["tf32" if is_short else "ieee" for is_short in older]
    gpu, cpu = torch.backends.cudnn, torch.backends.mkldnn
    of_gpus = [torch.backends.cuda.matmul, gpu.conv, gpu.rnn]
    return [operation.fp32_precision for operation in (*of_gpus, cpu.matmul, cpu.conv, cpu.rnn)]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_float32_is_exact_and_the_settings_come_back(settings: str, precision: str) -> None:
    before = float_format()
    with computing_in(precision):
        assert set(formats()) == {"ieee"}
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
    assert float_format() == before, settings


def test_tf32_is_of_gpus_alone(settings: str) -> None:
    before = float_format()
    with computing_in("tf32"):
        assert formats() == ["tf32"] * 3 + ["ieee"] * 3 if HAS_NEWER else ["tf32"] * 2
        assert torch.backends.cudnn.allow_tf32
    assert float_format() == before, settings


def test_an_error_gives_the_settings_back() -> None:
    before = float_format()
    with pytest.raises(ZeroDivisionError), computing_in("tf32"):
        _ = 1 / 0
    assert float_format() == before


def test_what_a_model_sets_for_the_process_is_seen_and_undone(settings: str) -> None:
    before = process_settings()
    torch.set_float32_matmul_precision("medium")
    assert process_settings() != before, settings
    restore_settings(before)
    assert process_settings() == before


def test_a_batch_that_outlasts_the_turn_of_its_model_stays_exact() -> None:
    before, may_end = float_format(), threading.Event()
    started, seen = threading.Event(), []

    def batch() -> None:
        with computing_in("fp32"):
            started.set()
            may_end.wait(60)
            seen.append(set(formats()))

    thread = threading.Thread(target=batch)
    with computing_in("fp32"):
        thread.start()
        assert started.wait(60)
    settings = process_settings()  # as at the end of a turn
    restore_settings(settings)
    assert set(formats()) == {"ieee"}
    may_end.set()
    thread.join()
    assert seen == [{"ieee"}]
    assert float_format() == before


def test_judging_is_no_change_that_a_model_makes() -> None:
    before = process_settings()
    with computing_in("tf32"):
        assert process_settings() == before


def test_what_a_model_sets_between_two_batches_is_set_back() -> None:
    with computing_in("fp32"):
        torch.set_float32_matmul_precision("medium")
        with computing_in("fp32"):
            assert set(formats()) == {"ieee"}


class Watching(torch.nn.Module):
    """A network that notes the formats in which it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[str]] = []

    def prepare(self, photo: object) -> torch.Tensor:
        return torch.zeros(3, 2, 2)

    def encode(self, inputs: torch.Tensor) -> torch.Tensor:
        self.seen.append(formats())
        return inputs.mean(dim=(2, 3))

    def margin(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return (first - second).sum(1)


def test_batches_are_encoded_in_exact_float32() -> None:
    model, before = Watching(), float_format()
    engine = EngineConfig.for_api("cpu", batch_size=2, workers=0)
    batcher: Batcher[int] = Batcher(model, engine)
    with batcher:
        encoded = [*batcher.put(0, torch.ones(1, 3, 2, 2)), *batcher.flush()]
    assert [tag for tag, _, _ in encoded] == [0]
    assert model.seen
    assert {word for seen in model.seen for word in seen} == {"ieee"}
    assert float_format() == before


def test_tf32_is_refused_where_it_does_not_exist() -> None:
    with pytest.raises(UsageError, match=r"engine\.precision=tf32: only NVIDIA GPUs .* use engine\.precision=fp32"):
        EngineConfig.for_api("cpu", batch_size=2, workers=0, precision="tf32").place(Watching())
