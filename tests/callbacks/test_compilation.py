"""A training with a compiled backbone learns what it learns without, and leaves nothing behind."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import seed_everything

from fixtures.tiny_models import siamese
from fixtures.training_runs import pair_examples, train
from iqbench.callbacks.compilation import Compilation
from iqbench.errors import UsageError


def weights(folder: Path, *callbacks: Any) -> dict[str, torch.Tensor]:
    seed_everything(0)
    model = siamese()
    train(folder, model, pair_examples(), *callbacks)
    assert model.backbone._compiled_call_impl is None
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_what_is_learned_differs_in_last_bits_only(tmp_path: Path) -> None:
    calls: list[object] = []
    own = torch.compile

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(options)
        return own(*arguments, **options)

    plain = weights(tmp_path / "plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", counted)
        compiled = weights(tmp_path / "compiled", Compilation())
    assert {"mode": "default"} in calls
    assert plain.keys() == compiled.keys()
    torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-5)


def test_a_machine_without_a_compiler_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no working C++ compiler")

    monkeypatch.setattr(torch, "compile", no_compiler)
    with pytest.raises(UsageError, match=r"^callbacks=compilation: nothing can be .* \(RuntimeError: no working C\+\+"):
        weights(tmp_path, Compilation())


def test_a_mode_that_torch_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match=r"mode=reduce_overhead: torch has no such mode\. Did you mean 'reduce-over"):
        Compilation("reduce_overhead")
