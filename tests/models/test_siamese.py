import math
from pathlib import Path

import pytest
import torch

from fixtures.tiny_models import fit, pairs, pictures, siamese, votes
from iqbench.errors import CheckpointError, UsageError
from iqbench.interfaces import Pairs, Preference, is_scorer
from iqbench.models.checkpoint import Weights, export_head, settings_from_file


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
    always_first = [pair._replace(preference=torch.tensor(1.0)) for pair in pairs(8)]
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


def batch_of(*preferences: float) -> Pairs:
    count = len(preferences)
    weight, index = torch.ones(count), torch.arange(count)
    return Pairs(pictures(count, seed=1), pictures(count, seed=2), torch.tensor(preferences), weight, index)


@torch.inference_mode()
def test_the_loss_is_the_cross_entropy_of_the_preference_worked_out_by_hand() -> None:
    model, batch = siamese(), batch_of(1.0, 0.0, 0.5)
    losses, margin, true = model.answer(batch)
    chances = [1 / (1 + math.exp(-m)) for m in margin.tolist()]
    slow = [-t * math.log(p) - (1 - t) * math.log(1 - p) for p, t in zip(chances, [1.0, 0.0, 0.5], strict=True)]
    assert losses.tolist() == pytest.approx(slow, rel=1e-5)
    assert torch.equal(true, batch.preference)
    assert torch.equal(margin, model.margin(model.encode(batch.first), model.encode(batch.second)))


def test_the_loss_is_small_where_the_margin_says_what_the_label_says() -> None:
    model = siamese()
    model.margin = lambda first, second: torch.tensor([4.0, -4.0])  # the first is better, then the second
    batch = batch_of(Preference.FIRST.value, Preference.SECOND.value)
    right = model.answer(batch)[0].tolist()
    wrong = model.answer(batch._replace(preference=1 - batch.preference))[0].tolist()
    assert right == pytest.approx([math.log(1 + math.exp(-4))] * 2, rel=1e-5)
    assert wrong == pytest.approx([math.log(1 + math.exp(4))] * 2, rel=1e-5)


def test_a_batch_is_learned_from_by_its_weights() -> None:
    model = siamese()
    model.log = lambda *_, **__: None
    batch = batch_of(1.0, 0.0)._replace(weight=torch.tensor([2.0, 0.0]))
    assert model.training_step(batch, 0).item() == pytest.approx(model.answer(batch)[0][0].item())


def test_votes_are_refused_with_what_to_say_instead() -> None:
    with pytest.raises(
        UsageError, match=r"Siamese learns from preferences, not from votes; use examples\.labels=pairs"
    ):
        siamese().answer(next(iter(votes(1))))
    with pytest.raises(UsageError, match=r"model\.losses\.votes: this model learns from pairs"):
        siamese(losses={"votes": "emd"})
    with pytest.raises(UsageError, match=r"model\.losses\.pairs=bradley_tery: .*Did you mean 'bradley_terry'"):
        siamese(losses={"pairs": "bradley_tery"})


def test_the_accuracy_stands_beside_that_of_a_constant_answer(tmp_path: Path) -> None:
    mostly_first = [pair._replace(preference=torch.tensor(float(at != 0))) for at, pair in enumerate(pairs(5))]
    model = siamese()
    trainer = fit(model, pairs(4), tmp_path, validation=mostly_first, max_epochs=1)
    right = ((model.answers[:, 1] > 0) == (model.answers[:, 2] > 0.5)).double().mean()
    assert trainer.callback_metrics["val/accuracy"].item() == pytest.approx(right.item())
    assert trainer.callback_metrics["val/constant_accuracy"].item() == pytest.approx(0.8)


@torch.inference_mode()
def test_of_several_views_the_whole_frame_stands_beside_the_mean_of_the_others() -> None:
    model = siamese(preprocessing="native")
    several = pictures(10).unflatten(0, (2, 5))
    features = model.features(several)
    raw = model.backbone(several.flatten(0, 1)).unflatten(0, (2, 5))
    expected = model.normalize(torch.cat([raw[:, 0], raw[:, 1:].mean(1)], dim=1))
    torch.testing.assert_close(features, expected)
    assert features.shape == (2, 2 * model.backbone.width)


def test_without_any_winner_there_is_no_accuracy(tmp_path: Path) -> None:
    undecided = [pair._replace(preference=torch.tensor(0.5)) for pair in pairs(4)]
    trainer = fit(siamese(), pairs(4), tmp_path, validation=undecided, max_epochs=1)
    assert "val/loss" in trainer.callback_metrics
    assert "val/accuracy" not in trainer.callback_metrics


@pytest.mark.parametrize("head_width", [0, 8])
@torch.inference_mode()
def test_a_scoring_head_gives_one_number_a_photo_and_its_margin_is_their_difference(head_width: int) -> None:
    model = siamese(head="score", head_width=head_width, preprocessing="multiscale", levels=[0, 1], size=48)
    assert is_scorer(model)
    assert model.width == 4 * 2 * (16 + 32)  # scales, mean and deviation, channels of both levels
    views = torch.stack([pictures(10, seed=seed, size=48) for seed in range(3)])
    scores = model.encode(views)
    assert scores.shape == (3, 1)
    assert torch.equal(model.margin(scores[:2], scores[1:]), (scores[:2] - scores[1:]).squeeze(1))
    fine = [
        views[:, at : at + 2, :, top : top + 16, left : left + 16]
        for at in (4, 6, 8)
        for top in (0, 16, 32)
        for left in (0, 16, 32)
    ]
    means = [model.backbone(some.flatten(0, 1)).unflatten(0, (3, -1)).mean(dim=1) for some in (views[:, :4], *fine)]
    joined = torch.cat([means[0], *(torch.stack(means[at : at + 9]).mean(dim=0) for at in (1, 10, 19))], dim=1)
    assert scores == pytest.approx(model.lean(model.normalize(joined)), abs=1e-5)


def test_a_comparing_head_has_no_scores() -> None:
    assert not is_scorer(siamese())
    assert not is_scorer(object())
    with pytest.raises(UsageError, match=r"model\.head=both: no such head; there are compare and score"):
        siamese(head="both")


def test_a_scoring_head_learns_and_comes_back_from_its_file(tmp_path: Path) -> None:
    settings = {"head": "score", "head_width": 0, "levels": [1], "frozen": True}
    model = siamese(**settings)
    fit(model, pairs(8), tmp_path, max_steps=3)
    file = tmp_path / "head.safetensors"
    export_head(file, Weights(model.state_dict(), "siamese", model.architecture, {}))
    described = settings_from_file(file, "siamese", {})
    assert (described["head"], described["head_width"], described["levels"]) == ("score", 0, [1])


def test_a_file_of_an_earlier_version_is_of_a_comparing_head(tmp_path: Path) -> None:
    model = siamese()
    old = {name: value for name, value in model.architecture.items() if name not in ("head", "levels")}
    file = tmp_path / "old.safetensors"
    export_head(file, Weights(model.state_dict(), "siamese", old, {}))
    described = settings_from_file(file, "siamese", {"head": "compare"})
    assert (described["head"], described["levels"]) == ("compare", None)
    with pytest.raises(CheckpointError, match=r"trained with model\.head=compare, but model\.head=score was given"):
        settings_from_file(file, "siamese", {"head": "score"})


def test_a_network_of_one_size_is_refused_for_patches_of_another() -> None:
    message = "model.preprocessing=multiscale, model.size=32: model.backbone=tiny takes no pictures of 10 x 10 pixels"
    with pytest.raises(UsageError, match=message):
        siamese(preprocessing="multiscale", size=32)
