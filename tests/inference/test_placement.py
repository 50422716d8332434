"""Models made ready for inference, and which of them may be encoded side by side."""

import logging
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fixtures.tiny_models import ava, siamese
from iqbench.errors import UsageError
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.placement import is_thread_safe
from iqbench.interfaces import Photo, Scorer
from iqbench.models.rules import Rules

ENGINE = replace(EngineConfig.for_api("cpu", batch_size=4, workers=0), channels_last=True)


class Network(nn.Module, Scorer):
    def prepare(self, photo: Photo) -> Tensor:
        return torch.zeros(1)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


class Safe(Network):
    thread_safe = True

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)


class OfSafe(Safe):
    pass


def test_a_network_is_thread_safe_if_its_own_class_says_so_and_nothing_hooks_into_it() -> None:
    assert [is_thread_safe(model) for model in (siamese(), ava(), Safe())] == [True] * 3
    hooked, hooked_before = Safe(), siamese()
    hooked.layer.register_forward_hook(lambda *_: None)
    hooked_before.backbone.register_forward_pre_hook(lambda *_: None)
    others = (Network(), OfSafe(), hooked, hooked_before, Rules({}, clipped=True))
    assert [is_thread_safe(model) for model in others] == [False] * 5


def test_others_are_encoded_one_batch_at_a_time_and_an_explicit_wish_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ENGINE.for_model(Network()).inference_thread_count == 1
    assert ENGINE.for_model(siamese()) == ENGINE.for_model(Rules({}, clipped=True)) == ENGINE
    assert not caplog.records
    assert replace(ENGINE, inference_threads=3).for_model(Network()).inference_thread_count == 1
    assert "engine.inference_threads=3: Network is encoded one batch at a time" in caplog.text


class FailsToFold(Network):
    def fold_batch_norm(self) -> None:
        raise AttributeError("no weight")


def test_a_network_that_cannot_be_folded_is_used_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    model = FailsToFold()
    with caplog.at_level(logging.INFO):
        assert ENGINE.place(model) is model
    assert "FailsToFold: is used without folded batch normalisation (AttributeError: no weight)" in caplog.text


@pytest.mark.slow
def test_a_backbone_whose_folded_copy_fails_gives_its_own_features() -> None:
    model = siamese(backbone="xcit_nano_12_p8_224", size=64)
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        expected = model.encode(pictures)
        torch.testing.assert_close(ENGINE.place(model).encode(pictures), expected)


def test_a_model_that_cannot_be_moved_is_refused_in_one_line() -> None:
    class Heavy(Network):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1, device="meta")

    with pytest.raises(UsageError, match=r"^model Heavy: cannot be moved to cpu \(NotImplementedError: .*meta"):
        ENGINE.place(Heavy())
    with pytest.raises(UsageError, match=r"^model object: has no prepare, encode, margin"):
        ENGINE.place(object())  # type: ignore[arg-type]
