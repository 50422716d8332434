from collections.abc import Callable
from math import inf, nan
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule
from torch.utils.data import default_collate

from fixtures.tiny_models import SGD, ava, fit, pairs, pictures, siamese, votes
from iqbench.errors import CheckpointError, Stopped, UsageError
from iqbench.models import learned
from iqbench.models.backbone import Backbone
from iqbench.models.learned import Learned

FAMILIES = {"siamese": (siamese, pairs), "ava": (ava, votes)}


def state(model: LightningModule) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_frozen_backbone_stays_bit_identical_with_its_batch_statistics(family: str, tmp_path: Path) -> None:
    build, examples = FAMILIES[family]
    model = build(backbone="test_resnet", frozen=True)
    original_state = state(model)
    assert any("running_mean" in name for name in original_state)
    fit(model, examples(8), tmp_path, max_steps=2)
    changed = {name for name, value in state(model).items() if not torch.equal(value, original_state[name])}
    assert changed
    assert all(not name.startswith("backbone.") for name in changed)


def test_a_backbone_that_is_not_frozen_learns_and_so_do_its_batch_statistics(tmp_path: Path) -> None:
    model = siamese(backbone="test_resnet", frozen=False)
    original_state = state(model)
    fit(model, pairs(8), tmp_path, max_steps=2)
    changed = {name for name, value in state(model).items() if not torch.equal(value, original_state[name])}
    assert any(name.startswith("backbone.") and name.endswith(".weight") for name in changed)
    assert any("running_mean" in name for name in changed)


def test_a_frozen_backbone_stays_so_however_often_training_is_switched_on() -> None:
    model = siamese(backbone="test_resnet", frozen=True)
    for mode in (True, False, True):
        assert model.train(mode) is model
        assert not any(module.training for module in model.backbone.modules())
        assert model.lean.training is mode


def ids(parameters: object) -> set[int]:
    return {id(parameter) for parameter in parameters}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_and_the_backbone_have_their_own_learning_rates(family: str) -> None:
    model = FAMILIES[family][0](optimizer={**SGD, "momentum": 0.5})
    groups = {group["name"]: group for group in model.configure_optimizers().param_groups}
    assert (groups["head"]["lr"], groups["backbone"]["lr"]) == (0.1, 0.01)
    assert {group["momentum"] for group in groups.values()} == {0.5}
    assert ids(groups["backbone"]["params"]) == ids(model.backbone.parameters())
    assert ids(groups["head"]["params"]) == ids(model.parameters()) - ids(model.backbone.parameters())


def test_a_frozen_backbone_is_no_business_of_the_optimisers() -> None:
    model = ava(frozen=True)
    (group,) = model.configure_optimizers().param_groups
    assert ids(group["params"]) == ids(model.votes.parameters())


def test_any_optimiser_of_torch_is_had_by_name() -> None:
    settings = {"name": "AdamW", "lr": 1e-3, "backbone_lr": 1e-4, "layer_decay": 1.0, "weight_decay": 0.1}
    optimizer = siamese(optimizer=settings).configure_optimizers()
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["weight_decay"] == 0.1
    assert settings["name"] == "AdamW"  # the settings are not used up


def test_a_typo_in_the_optimiser_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"model\.optimizer\.name=AdmaW: .*Did you mean 'AdamW'"):
        siamese(optimizer={**SGD, "name": "AdmaW"})
    with pytest.raises(UsageError, match=r"model\.optimizer\.momentun: .*Did you mean 'momentum'"):
        siamese(optimizer={**SGD, "momentun": 0.9})


def test_a_typo_in_the_preprocessing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"model\.preprocessing=crop: no such rule; there are standard, .* squash"):
        siamese(preprocessing="crop")


def test_training_logs_the_loss_and_the_family_metric(tmp_path: Path) -> None:
    trainer = fit(siamese(), pairs(8), tmp_path, validation=pairs(6), max_epochs=1, log_every_n_steps=1)
    assert {"train/loss", "val/loss", "val/accuracy"} <= set(trainer.callback_metrics)
    trainer = fit(ava(), votes(8), tmp_path, validation=votes(6), max_epochs=1, log_every_n_steps=1)
    assert {"train/loss", "val/loss", "val/srcc"} <= set(trainer.callback_metrics)


def test_the_validation_loss_weighs_every_example_alike(tmp_path: Path) -> None:
    model, examples = siamese(), pairs(5)
    trainer = fit(model, pairs(4), tmp_path, validation=examples, batch_size=4, max_epochs=1)  # batches of 4 and of 1
    with torch.inference_mode():
        losses = [model.eval().answer(type(pair)(*(part.unsqueeze(0) for part in pair)))[0].item() for pair in examples]
    assert trainer.callback_metrics["val/loss"].item() == pytest.approx(sum(losses) / 5, rel=1e-5)


@torch.inference_mode()
def test_features_have_mean_0_and_variance_1_in_each_picture() -> None:
    features = siamese().features(pictures(3))
    torch.testing.assert_close(features.mean(dim=1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(features.var(dim=1, unbiased=False), torch.ones(3), atol=0.05, rtol=0)


def test_the_same_seed_learns_the_same_weights(tmp_path: Path) -> None:
    first, second = siamese(seed=3), siamese(seed=3)
    fit(first, pairs(8), tmp_path, max_steps=2)
    fit(second, pairs(8), tmp_path, max_steps=2)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_a_backbone_is_opened_stage_by_stage_from_its_end(tmp_path: Path) -> None:
    model = siamese(backbone="test_resnet", frozen=True, unfreeze_every=1)
    stages = model.backbone.stages()
    assert len(stages) > 2
    assert ids(p for stage in stages for p in stage) == ids(model.backbone.parameters())
    opened: list[list[bool]] = []

    class Watch(Callback):
        def on_train_batch_end(self, *_: object) -> None:
            opened.append([all(p.grad is not None for p in stage) for stage in stages])

    fit(model, pairs(4), tmp_path, max_epochs=4, callbacks=[Watch()])
    closed = len(stages)
    assert opened == [[depth >= closed - epoch for depth in range(closed)] for epoch in range(4)]


def test_what_is_closed_keeps_its_batch_statistics_and_what_is_open_does_not() -> None:
    model = siamese(backbone="test_resnet", frozen=True, unfreeze_every=1)
    model.backbone.open(1)
    model.train()
    norms = [module for module in model.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {module.training for module in norms} == {True, False}
    assert all(module.training == module.weight.requires_grad for module in norms)


@pytest.mark.parametrize("batch_statistics", ["kept", "learned"])
def test_batch_statistics_are_kept_or_learned_while_the_weights_learn(tmp_path: Path, batch_statistics: str) -> None:
    model = siamese(backbone="test_resnet", batch_statistics=batch_statistics)
    original_state = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, pairs(4), tmp_path, max_epochs=1)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, original_state[name])}
    assert any(name.startswith("backbone.") and name.endswith("weight") for name in changed)
    assert any("running_mean" in name for name in changed) == (batch_statistics == "learned")


def test_pretrained_statistics_are_kept_and_an_untrained_backbone_learns_them() -> None:
    pretrained = Backbone("tf_efficientnet_lite0", "packaged", 64, "auto")  # as made: Lightning does not call train
    untrained = Backbone("test_resnet", "none", 64, "auto")
    for model, learns in ((pretrained, False), (untrained, True)):
        norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        assert {module.training for module in norms} == {learns}
    with pytest.raises(UsageError, match=r"model\.batch_statistics=keep: must be auto, kept or learned"):
        siamese(batch_statistics="keep")


def test_a_resumed_training_opens_what_its_epoch_opens(tmp_path: Path) -> None:
    options = {"backbone": "test_resnet", "frozen": True, "unfreeze_every": 1}
    model = siamese(**options)
    trainer = fit(model, pairs(4), tmp_path, max_epochs=2)
    trainer.save_checkpoint(tmp_path / "two.ckpt")
    resumed_model = siamese(**options)
    assert not any(parameter.requires_grad for parameter in resumed_model.backbone.parameters())
    fit(resumed_model, pairs(4), tmp_path, max_epochs=3, ckpt_path=tmp_path / "two.ckpt")
    expected = [all(p.requires_grad for p in stage) for stage in resumed_model.backbone.stages()]
    assert expected == [depth >= len(expected) - 2 for depth in range(len(expected))]


@pytest.mark.parametrize("make", [siamese, ava])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", 0),
        ("size", -1),
        ("size", 3),
        ("head_width", 1.5),
        ("head_width", -1),
        ("dropout", 1.0),
        ("dropout", nan),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_by_the_name_of_the_setting(
    make: Callable[..., Learned], key: str, value: float
) -> None:
    with pytest.raises(UsageError, match=rf"model\.{key}={value}: "):
        make(**{key: value})


@torch.no_grad()
def test_a_validation_without_numbers_stops_the_training() -> None:
    model = siamese()
    model.validation_step(default_collate(pairs(4)), 0)
    model.lean[0].weight[0, 0] = nan
    model.validation_step(default_collate(pairs(4)), 1)
    with pytest.raises(Stopped, match="the validation loss of epoch 0 is not finite"):
        model.on_validation_epoch_end()


@torch.inference_mode()
def test_a_cpu_encodes_few_pictures_at_a_time_and_gets_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    model = siamese()
    counts: list[int] = []
    model.backbone.register_forward_hook(lambda _, given, features: counts.append(len(given[0])))
    whole = model.features(pictures(7))
    monkeypatch.setattr(learned, "CPU_PIXELS", 3 * model.size**2)
    assert torch.allclose(model.features(pictures(7)), whole, atol=1e-5)
    assert counts == [7, 3, 3, 1]
    monkeypatch.setattr(learned, "CPU_PIXELS", 1)
    assert model.features(pictures(2)).shape == (2, model.width)


def test_batch_normalization_scales_each_feature_by_the_pictures_of_the_training(tmp_path: Path) -> None:
    model = siamese(head="score", head_width=0, frozen=True, normalization="batch", levels=[0, 1])
    many = pictures(64, seed=3)
    model.train()
    normalized = model.features(many)
    assert torch.allclose(normalized.mean(dim=0), torch.zeros(model.width), atol=1e-4)
    assert torch.allclose(normalized.var(dim=0, correction=0), torch.ones(model.width), atol=0.1)
    model.eval()
    assert torch.allclose(model.features(many), normalized, atol=0.05)  # the mean over all batches is this batch
    assert torch.allclose(model.features(many[:1]), model.features(many)[:1], atol=1e-5)
    model.train()
    alone = model.features(many[:1])
    assert torch.allclose(alone, model.eval().features(many)[:1], atol=1e-5)


def test_a_file_keeps_the_statistics_of_batch_normalization(tmp_path: Path) -> None:
    settings = {"head": "score", "head_width": 0, "frozen": True, "normalization": "batch", "levels": [0, 1]}
    model = siamese(**settings)
    file = tmp_path / "whole.ckpt"
    fit(model, pairs(8), tmp_path, max_steps=3).save_checkpoint(file)
    again = siamese(**settings, checkpoint=str(file))
    assert torch.equal(again.normalize.running_var, model.normalize.running_var)
    assert torch.equal(again.encode(pictures(2)), model.eval().encode(pictures(2)))
    with pytest.raises(CheckpointError, match="normalization"):
        siamese(**(settings | {"normalization": "layer"}), checkpoint=str(file))


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(UsageError, match=r"model\.normalization=group: must be layer or batch"):
        siamese(normalization="group")


def test_a_shift_moves_both_photos_of_a_pair_alike_and_only_in_training() -> None:
    model = siamese(feature_shift=1.0)
    features = torch.randn(2 * 500, model.width)
    assert model.augmented(features, are_pairs=True) is features
    model.train()
    moved = model.augmented(features, are_pairs=True) - features
    assert torch.allclose(moved[:500], moved[500:], atol=1e-5)
    assert model.augmented(features, are_pairs=False) is features  # one photo would change with its vote the same
    # a share, uniform from 0 to 1, of the difference of two normal numbers: variance 2 / 3
    assert moved[:500].var().item() == pytest.approx(2 / 3, rel=0.1)
    twice = siamese(feature_shift=2.0).train()
    assert (twice.augmented(features, are_pairs=True) - features).var().item() == pytest.approx(8 / 3, rel=0.1)


def test_a_shift_changes_no_loss_of_a_linear_scorer_and_that_of_a_network() -> None:
    def loss(head_width: int, shift: float) -> float:
        model = siamese(head="score", head_width=head_width, feature_shift=shift).train()
        model.backbone.eval()
        losses, _, _ = model.answer(default_collate(pairs(16)))
        return losses.mean().item()

    assert loss(0, 3.0) == pytest.approx(loss(0, 0.0), abs=1e-5)
    assert abs(loss(8, 3.0) - loss(8, 0.0)) > 1e-4


def test_noise_is_of_each_photo_and_has_the_deviation_that_is_asked_for() -> None:
    model = ava(feature_noise=0.2).train()
    features = torch.zeros(2 * 500, model.width)
    for are_pairs in (True, False):
        noisy = model.augmented(features, are_pairs)
        assert noisy.std().item() == pytest.approx(0.2, rel=0.05)
        assert abs((noisy[:500] * noisy[500:]).mean().item()) < 0.004  # independent
    assert model.eval().augmented(features, are_pairs=True) is features


@pytest.mark.parametrize("name", ["feature_noise", "feature_shift"])
@pytest.mark.parametrize("amount", [-0.1, inf, nan])
def test_noise_and_shifts_out_of_range_are_refused(name: str, amount: float) -> None:
    with pytest.raises(UsageError, match=rf"model\.{name}={amount}: must be a number, at least 0"):
        siamese(**{name: amount})
