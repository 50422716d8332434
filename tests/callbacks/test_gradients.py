from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fixtures.tiny_models import SGD, siamese
from fixtures.training_runs import logged, pair_examples, train
from iqbench.callbacks.gradients import Gradients
from iqbench.callbacks.history import history


class Product(lightning.LightningModule):
    """The loss is the product of a weight of length 2 and the input, so its gradient is the input."""

    def __init__(self, body_learns: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, 0.0]))
        self.body = nn.Parameter(torch.tensor([1.0]), requires_grad=body_learns)

    def training_step(self, batch: Tensor, batch_index: int) -> Tensor:
        return (batch @ self.weight).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = [{"params": [self.weight], "name": "head"}, {"params": [self.body]}]
        return torch.optim.SGD(groups, lr=0.1)


def inputs(*rows: tuple[float, float]) -> DataLoader[Tensor]:
    return DataLoader(torch.tensor(rows), batch_size=1)  # type: ignore[arg-type]


def test_the_norm_and_the_weight_change_are_those_that_one_computes_by_hand(tmp_path: Path) -> None:
    train(tmp_path, Product(), inputs((3.0, 4.0)), Gradients(every_n_steps=1))
    for tag in ("gradient/head", "gradient/total", "gradient_head/weight"):
        assert list(logged(tmp_path, tag).values()) == [5.0]
    assert list(logged(tmp_path, "weight_change/head").values()) == pytest.approx([0.1 * 5 / 2])


def test_the_norm_is_that_before_clipping_and_the_weight_change_after(tmp_path: Path) -> None:
    train(tmp_path, Product(), inputs((3.0, 4.0)), Gradients(every_n_steps=1), gradient_clip_val=1.0)
    assert list(logged(tmp_path, "gradient/total").values()) == [5.0]
    assert list(logged(tmp_path, "weight_change/head").values()) == pytest.approx([0.1 * 1 / 2], rel=1e-5)


def test_only_every_n_th_step_is_measured(tmp_path: Path) -> None:
    train(tmp_path, Product(), inputs(*[(3.0, 4.0)] * 5), Gradients(every_n_steps=2))
    for tag in ("gradient/head", "gradient/total", "gradient_head/weight", "weight_change/head"):
        assert list(logged(tmp_path, tag)) == [0, 2, 4]


def test_a_step_of_several_batches_is_measured_once_with_their_mean_gradient(tmp_path: Path) -> None:
    rows = ((3.0, 4.0), (3.0, -4.0), (1.0, 0.0), (1.0, 0.0))
    train(tmp_path, Product(), inputs(*rows), Gradients(every_n_steps=1), accumulate_grad_batches=2)
    assert list(logged(tmp_path, "gradient/head").values()) == [3.0, 1.0]
    assert list(logged(tmp_path, "weight_change/head").values()) == pytest.approx([0.3 / 2, 0.1 / 1.7])


def test_parameters_without_a_gradient_are_left_out(tmp_path: Path) -> None:
    train(tmp_path, Product(body_learns=True), inputs((3.0, 4.0)), Gradients(every_n_steps=1))
    assert not [tag for tag in history(tmp_path)["tag"] if tag.endswith("/1")]  # the group without a name


def test_a_scaled_loss_does_not_scale_the_norm(tmp_path: Path) -> None:
    scaled = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1024.0))
    train(tmp_path, Product(), inputs((3.0, 4.0)), Gradients(every_n_steps=1), plugins=[scaled])
    assert list(logged(tmp_path, "gradient/head").values()) == pytest.approx([5.0], rel=1e-3)
    assert list(logged(tmp_path, "weight_change/head").values()) == pytest.approx([0.25], rel=1e-3)


def test_an_overflow_shows_and_moves_nothing(tmp_path: Path) -> None:
    scaled = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=65536.0))
    train(tmp_path, Product(), inputs((30000.0, 4.0)), Gradients(every_n_steps=1), plugins=[scaled])
    assert not pd.Series(logged(tmp_path, "gradient/head")).between(0, 1e9).any()
    assert list(logged(tmp_path, "weight_change/head").values()) == [0.0]


def test_a_judge_shows_its_head_by_parameter_and_its_backbone_by_depth(tmp_path: Path) -> None:
    train(tmp_path, siamese(optimizer={**SGD, "layer_decay": 0.5}), pair_examples(), Gradients(every_n_steps=2))
    table = history(tmp_path)
    norms = table[table["step"] == 0].set_index("tag")["value"]
    groups, head = norms.filter(regex="^gradient/(?!total)"), norms.filter(like="gradient_head/")
    assert set(groups.index) == {"gradient/head", "gradient/backbone/1", "gradient/backbone/2"}
    assert set(head.index) == {f"gradient_head/lean.{name}" for name in ("0.weight", "0.bias", "3.weight")}
    assert norms["gradient/total"] == pytest.approx((groups**2).sum() ** 0.5, rel=1e-5)
    assert norms["gradient/head"] == pytest.approx((head**2).sum() ** 0.5, rel=1e-5)


def test_a_frozen_backbone_has_no_group(tmp_path: Path) -> None:
    train(tmp_path, siamese(frozen=True), pair_examples(), Gradients(every_n_steps=1))
    assert set(history(tmp_path)["tag"]) & {"gradient/head", "gradient/backbone"} == {"gradient/head"}


def test_measuring_changes_nothing(tmp_path: Path) -> None:
    plain, measured = siamese(), siamese()
    train(tmp_path / "plain", plain, pair_examples())
    train(tmp_path, measured, pair_examples(), Gradients(every_n_steps=1))
    ours, theirs = plain.state_dict(), measured.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
