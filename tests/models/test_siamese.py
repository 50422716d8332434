import math
from pathlib import Path

import pytest
import torch

from iqbench.interfaces import Pairs, Preference
from schooling import fit, pairs, pictures, siamese


def skewed(seed: int = 0):
    """A judge whose head leans heavily towards whatever stands first."""
    model = siamese(seed)
    hidden = model.lean[0]
    with torch.no_grad():
        hidden.weight[:, : model.backbone.width] *= 100
        hidden.bias += torch.linspace(-50, 50, len(hidden.bias))
        model.lean[3].weight.abs_()
    return model


@pytest.mark.parametrize("seed", range(3))
@torch.inference_mode()
def test_a_skewed_head_still_flips_the_margin_bit_for_bit(seed: int) -> None:
    model = skewed(seed)
    first, second = model.encode(pictures(16, seed=1)), model.encode(pictures(16, seed=2))
    leaning = model.lean(torch.cat([first, second], dim=1))
    assert bool((leaning > 0).all())  # "the first", always: the head is skewed indeed
    margin = model.margin(first, second)
    assert torch.equal(margin, -model.margin(second, first))
    assert bool((margin != 0).all())
    assert model.margin(first, first).tolist() == [0.0] * 16


def test_training_does_not_unlearn_the_symmetry(tmp_path: Path) -> None:
    model = siamese()
    always_first = [Pairs(*pair[:2], torch.tensor(1.0)) for pair in pairs(8)]
    fit(model, always_first, tmp_path, max_steps=3)
    with torch.inference_mode():
        first, second = model.eval().encode(pictures(8, seed=5)), model.encode(pictures(8, seed=6))
        assert torch.equal(model.margin(first, second), -model.margin(second, first))


@torch.inference_mode()
def test_the_margin_is_the_difference_of_the_two_leanings() -> None:
    model = skewed()
    a, b = model.encode(pictures(1, seed=1)), model.encode(pictures(1, seed=2))
    forward, backward = model.lean(torch.cat([a, b], 1)), model.lean(torch.cat([b, a], 1))
    assert model.margin(a, b).item() == (forward - backward).item()


@torch.inference_mode()
def test_the_loss_is_the_cross_entropy_of_the_preference_worked_out_by_hand() -> None:
    model, batch = siamese(), Pairs(pictures(3, seed=1), pictures(3, seed=2), torch.tensor([1.0, 0.0, 0.5]))
    loss, margin, true = model.loss(batch)
    chances = [1 / (1 + math.exp(-m)) for m in margin.tolist()]
    slow = [-t * math.log(p) - (1 - t) * math.log(1 - p) for p, t in zip(chances, [1.0, 0.0, 0.5], strict=True)]
    assert loss.item() == pytest.approx(sum(slow) / 3, rel=1e-5)
    assert torch.equal(true, batch.preference)
    assert torch.equal(margin, model.margin(model.encode(batch.first), model.encode(batch.second)))


def test_the_loss_is_small_where_the_margin_says_what_the_label_says() -> None:
    model = siamese()
    model.margin = lambda first, second: torch.tensor([4.0, -4.0])  # the first is better, then the second
    batch = Pairs(pictures(2), pictures(2), torch.tensor([Preference.FIRST.value, Preference.SECOND.value]))
    right = model.loss(batch)[0].item()
    wrong = model.loss(batch._replace(preference=1 - batch.preference))[0].item()
    assert right == pytest.approx(math.log(1 + math.exp(-4)), rel=1e-5)
    assert wrong == pytest.approx(math.log(1 + math.exp(4)), rel=1e-5)


def test_the_accuracy_counts_a_tie_of_the_model_half_and_pairs_without_a_winner_not_at_all() -> None:
    model = siamese()
    margins, true = torch.tensor([2.0, -1.0, 0.0, -3.0, 5.0]), torch.tensor([1.0, 0.0, 1.0, 1.0, 0.5])
    model.update_quality(margins, true)  # right, right, tie, wrong, not asked
    assert model.compute_quality() == pytest.approx(2.5 / 4)
    model.update_quality(torch.tensor([-1.0]), torch.tensor([0.0]))
    assert model.compute_quality() == 1.0  # afresh


def test_without_any_winner_there_is_no_accuracy(tmp_path: Path) -> None:
    undecided = [pair._replace(preference=torch.tensor(0.5)) for pair in pairs(4)]
    trainer = fit(siamese(), pairs(4), tmp_path, validation=undecided, max_epochs=1)
    assert "val/loss" in trainer.callback_metrics
    assert "val/accuracy" not in trainer.callback_metrics
