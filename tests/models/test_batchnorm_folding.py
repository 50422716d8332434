"""A folded network has the same output, with fewer steps and less rounding."""

from collections.abc import Callable

import pytest
import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from fixtures.tiny_models import pictures, siamese
from iqbench.inference.engine_config import EngineConfig
from iqbench.models.backbone import Backbone
from iqbench.models.batchnorm_folding import FullPrecision, fold_batch_norm
from iqbench.provenance import fingerprint


def trained(net: nn.Module) -> nn.Module:
    """Return the network in evaluation mode, with batch statistics that change the output."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return net.eval()


def count(net: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in net.modules())


@torch.inference_mode()
def output(net: nn.Module, maps: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
    with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
        features: Tensor = net(maps)
        return features.float()


@pytest.mark.parametrize(
    ("name", "remaining"), [("test_resnet", 0), ("test_efficientnet", 0), ("resnetv2_50", 17), ("test_vit", 0)]
)
def test_a_folded_network_has_the_same_output_with_fewer_batch_norms(name: str, remaining: int) -> None:
    net = trained(timm.create_model(name, num_classes=0))
    maps = torch.randn(2, *net.default_cfg["input_size"])
    folded = fold_batch_norm(net, maps[:1])
    torch.testing.assert_close(output(folded, maps), output(net, maps), rtol=1e-4, atol=1e-5)
    assert count(folded, nn.BatchNorm2d) == remaining  # batch norms before a convolution or after a sum stay
    assert folded is not net


class Shared(nn.Module):
    """A convolution with two batch norms after it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.first, self.second = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, maps: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 4 h w"]:
        return self.first(self.convolution(maps)) + self.second(self.convolution(maps + 1))


class UsedTwice(nn.Module):
    """A convolution whose output is used both with and without batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.normalization = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, maps: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 4 h w"]:
        features = self.convolution(maps)
        return features + self.normalization(features)


def in_place() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4))


def without_running_statistics() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))


def test_a_convolution_that_runs_twice_does_not_prevent_folding_another() -> None:
    net = trained(nn.Sequential(Shared(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)))
    assert count(fold_batch_norm(net, torch.randn(1, 3, 9, 9)), nn.BatchNorm2d) == 2


@pytest.mark.parametrize("make", [Shared, UsedTwice, in_place, without_running_statistics])
def test_batch_norms_that_cannot_be_folded_stay(make: Callable[[], nn.Module]) -> None:
    net, maps = trained(make()), torch.randn(2, 3, 9, 9)
    folded = fold_batch_norm(net, maps[:1])
    assert torch.equal(output(folded, maps), output(net, maps))
    assert count(folded, nn.BatchNorm2d) == count(net, nn.BatchNorm2d)


def test_a_batch_norm_without_weights_is_folded_into_a_convolution_with_bias() -> None:
    net = trained(nn.Sequential(nn.Conv2d(3, 4, 3, bias=True), nn.BatchNorm2d(4, affine=False)))
    maps = torch.randn(2, 3, 9, 9)
    folded = fold_batch_norm(net, maps[:1])
    torch.testing.assert_close(output(folded, maps), output(net, maps))
    assert count(folded, nn.BatchNorm2d) == 0


def test_depthwise_convolutions_see_unrounded_pixels() -> None:
    edges = nn.Conv2d(2, 2, (1, 2), groups=2, bias=False)
    edges.weight = nn.Parameter(torch.tensor([[[[-1.0, 1.0]]]] * 2))
    net = nn.Sequential(nn.Conv2d(3, 2, 1), edges, nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1, groups=2)).eval()
    maps = 100 + torch.rand(1, 3, 8, 8)  # bf16 is in steps of 0.5 there
    exact, rounded = output(net, maps), output(net, maps, torch.bfloat16)
    full_precision = output(fold_batch_norm(net, maps), maps, torch.bfloat16)
    assert (full_precision - exact).norm() < 0.1 * (rounded - exact).norm()
    assert [type(layer) for layer in fold_batch_norm(net, maps)] == [FullPrecision, FullPrecision, nn.Conv2d, nn.Conv2d]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_without_depthwise_convolutions_computes_in_low_precision(channels: int) -> None:
    net = trained(timm.create_model("test_resnet", num_classes=0, in_chans=channels))
    assert count(fold_batch_norm(net, torch.randn(1, channels, 64, 64)), FullPrecision) == 0


def test_folding_changes_neither_the_state_nor_the_fingerprint_of_a_model_nor_the_global_random_state() -> None:
    model = siamese(backbone="test_resnet", size=64)
    names, original_fingerprint, random_state = list(model.state_dict()), fingerprint(model, {}), torch.get_rng_state()
    EngineConfig.for_api("cpu", batch_size=1, workers=0).place(model)
    assert model.backbone.folded_net
    assert (list(model.state_dict()), fingerprint(model, {})) == (names, original_fingerprint)
    assert torch.equal(torch.get_rng_state(), random_state)


def load_again(backbone: Backbone) -> None:
    backbone.load_state_dict(backbone.state_dict())


def move(backbone: Backbone) -> None:
    backbone.to(torch.float64)
    backbone.to(torch.float32)


@pytest.mark.parametrize("change", [Backbone.train, load_again, move])
def test_training_loading_or_moving_discards_the_folded_network(change: Callable[[Backbone], object]) -> None:
    backbone = Backbone("test_resnet", "none", 64, "auto")
    backbone.fold_batch_norm()
    backbone.eval()
    assert backbone.folded_net
    change(backbone)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.mul_(1.5)
    same = Backbone("test_resnet", "none", 64, "auto")
    same.load_state_dict(backbone.state_dict())
    assert torch.equal(output(backbone.eval(), pictures(2, size=64)), output(same.eval(), pictures(2, size=64)))


def test_features_are_pooled_in_full_precision() -> None:
    backbone = Backbone("test_resnet", "none", 64, "auto").eval()
    features = output(backbone, pictures(2, size=64), torch.bfloat16)
    assert not torch.equal(features, features.bfloat16().float())
