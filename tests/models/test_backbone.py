from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from fixtures.tiny_models import pictures
from iqbench import photos
from iqbench.errors import UsageError
from iqbench.models import backbone
from iqbench.models.backbone import Backbone
from iqbench.preprocessing import view


def sample_photo(name: str) -> photos.DecodedPhoto:
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return photos.read(Path(spec.origin).parent / "data" / name)


@pytest.fixture(scope="module")
def lite0() -> tuple[Backbone, nn.Module]:
    """Return the packaged backbone and its classifier."""
    packaged = Backbone("tf_efficientnet_lite0", "packaged", 224, "auto").eval()
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(backbone._packaged_weights(network))
    return packaged, network.eval().classifier


CATS, ESPRESSO = [281, 282, 285], [967]  # ImageNet's tabby, tiger cat and Egyptian cat; espresso


@pytest.mark.parametrize(("name", "numbers"), [("chelsea.png", CATS), ("coffee.png", ESPRESSO)])
def test_the_packaged_network_recognises_a_cat_and_an_espresso(
    lite0: tuple[Backbone, nn.Module], name: str, numbers: list[int]
) -> None:
    packaged, classifier = lite0
    picture = view(sample_photo(name).pixels, "standard", 224).unsqueeze(0)
    with torch.inference_mode():
        probabilities = classifier(packaged(picture)).softmax(dim=1)[0]
    assert probabilities.argmax().item() in numbers
    assert probabilities[numbers].sum().item() > 0.85


def test_the_packaged_network_has_1280_features_and_the_normalisation_it_was_trained_with(
    lite0: tuple[Backbone, nn.Module],
) -> None:
    packaged, _ = lite0
    assert packaged.width == 1280
    assert packaged.mean.ravel().tolist() == pytest.approx([127.0] * 3)
    assert packaged.std.ravel().tolist() == pytest.approx([128.0] * 3)


@pytest.mark.parametrize(("name", "width"), [("resnet50", 2048), ("vgg16", 4096)])
def test_the_backbones_of_the_papers_have_their_known_width(name: str, width: int) -> None:
    assert Backbone(name, "none", 64, "auto").width == width


@pytest.mark.parametrize(("name", "size"), [("tiny", 32), ("test_resnet", 64), ("test_vit", 160)])
def test_features_have_the_width_of_the_backbone(name: str, size: int) -> None:
    network = Backbone(name, "none", size, "auto").eval()
    with torch.inference_mode():
        assert network(pictures(2, size=size)).shape == (2, network.width)


def test_pictures_are_normalised_with_the_networks_own_mean_and_deviation() -> None:
    network = Backbone("test_resnet", "none", 64, "auto").eval()
    config, batch = network.net.pretrained_cfg, pictures(2, size=64)
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        torch.testing.assert_close(network(batch), network.net((batch / 255 - mean) / std))


def test_measuring_the_width_leaves_the_network_in_training_and_its_statistics_alone() -> None:
    network = Backbone("test_resnet", "none", 64, "auto")
    assert network.net.training
    assert all(value.item() == 0 for name, value in network.net.named_buffers() if "num_batches" in name)


def test_an_unknown_network_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"model\.backbone=resnet5O: timm has no such network.* Did you mean 'resnet5"):
        Backbone("resnet5O", "none", 64, "auto")


def test_the_packaged_weights_belong_to_one_network() -> None:
    with pytest.raises(UsageError, match=r"packaged is tf_efficientnet_lite0's; for model\.backbone=resnet50"):
        Backbone("resnet50", "packaged", 64, "auto")


@pytest.mark.parametrize("weights", ["weights.pth", "pakaged", ""])
def test_weights_that_are_neither_a_keyword_nor_a_file_are_refused(weights: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither packaged, pretrained, none, nor a file"):
        Backbone("test_resnet", str(tmp_path / weights) if weights else "", 64, "auto")


def test_a_network_without_pretrained_weights_says_so() -> None:
    with pytest.raises(UsageError, match=r"tiny, .*pretrained: cannot be loaded"):
        Backbone("tiny", "pretrained", 32, "auto")


def test_a_local_weights_file_is_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = timm.create_model("test_resnet", pretrained=False)
    torch.save(source.state_dict(), tmp_path / "source.pth")
    torch.manual_seed(1)
    loaded = Backbone("test_resnet", str(tmp_path / "source.pth"), 64, "auto").net.state_dict()
    expected = {name: value for name, value in source.state_dict().items() if name in loaded}
    assert len(expected) > 20
    assert all(torch.equal(loaded[name], value) for name, value in expected.items())
    assert set(source.state_dict()) - set(loaded) == {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html></html>", b"not weights" * 50])
def test_a_file_that_holds_no_weights_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.pth: cannot be loaded") as caught:
        Backbone("test_resnet", str(tmp_path / "bad.pth"), 64, "auto")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", [[1, 2], torch.ones(3), 3, {1: torch.ones(2)}, {"model": {"a": "b"}}])
def test_a_file_that_torch_reads_but_that_is_no_state_dict_is_refused_by_name(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(UsageError, match=r"odd\.pth: cannot be loaded"):
        Backbone("test_resnet", str(tmp_path / "odd.pth"), 64, "auto")


def test_a_damaged_safetensors_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"junk")
    with pytest.raises(UsageError, match=r"bad\.safetensors: cannot be loaded"):
        Backbone("test_resnet", str(tmp_path / "bad.safetensors"), 64, "auto")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_vit", pretrained=False).state_dict(), tmp_path / "vit.pth")
    with pytest.raises(UsageError, match=r"vit\.pth: cannot be loaded"):
        Backbone("test_resnet", str(tmp_path / "vit.pth"), 64, "auto")


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("by_default", [True, False])  # False in older versions of timm
def test_code_in_a_weights_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_default: bool) -> None:
    monkeypatch.setattr(timm.models.load_state_dict, "__defaults__", (True, "cpu", by_default))
    torch.save({"state_dict": Canary(tmp_path / "canary")}, tmp_path / "evil.pth")
    with pytest.raises(UsageError, match=r"evil\.pth: cannot be loaded"):
        Backbone("test_resnet", str(tmp_path / "evil.pth"), 64, "auto")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "tiny"])
def test_the_features_of_levels_are_the_mean_and_deviation_of_their_maps(name: str) -> None:
    levels = [0, 1]
    network = Backbone(name, "none", 64, "auto", levels=levels[::-1]).eval()  # in any order
    batch = pictures(3, size=64)
    normalized = (batch - network.mean) / network.std
    with torch.inference_mode():
        maps = network.net.forward_intermediates(normalized, indices=levels, intermediates_only=True)
        features = network(batch)
    expected = torch.cat([part for each in maps for part in (each.mean((2, 3)), each.std((2, 3), correction=0))], 1)
    assert features.shape == (3, network.width)
    assert features == pytest.approx(expected, abs=1e-3)


def test_stages_after_the_last_level_are_not_computed(lite0: tuple[Backbone, nn.Module]) -> None:
    network = Backbone("tf_efficientnet_lite0", "none", 64, "auto", levels=[1, 2, 3]).eval()
    assert network.width == 2 * (24 + 40 + 112)
    run: list[int] = []
    for number, block in enumerate(network.net.blocks):
        block.register_forward_hook(lambda *_, number=number: run.append(number))
    network(pictures(1, size=64))
    assert run == [0, 1, 2, 3, 4]


def test_folding_changes_no_feature_of_a_level() -> None:
    network = Backbone("tf_efficientnet_lite0", "packaged", 64, "auto", levels=[1, 3]).eval()
    batch = pictures(2, size=64)
    with torch.inference_mode():
        before = network(batch)
        network.fold_batch_norm()
        assert network.folded_net
        assert network(batch) == pytest.approx(before, rel=1e-3, abs=1e-4)


def test_a_map_without_any_contrast_has_a_gradient() -> None:
    network = Backbone("tiny", "none", 32, "learned", levels=[0, 1])
    network(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.net.parameters())


@pytest.mark.parametrize("levels", [[], [5], [-1], ["a"], ["a", 1], [1.5], 3, "12"])
def test_levels_that_a_network_does_not_have_are_refused(levels: Any) -> None:
    with pytest.raises(
        UsageError, match=r"model\.levels=.*must be a list of numbers from 0 to 4, the stages of tf_efficientnet"
    ):
        Backbone("tf_efficientnet_lite0", "none", 64, "auto", levels=levels)
