"""Networks by name, in TorchScript files and in ONNX files: the same scores, and one line for what cannot be used."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from fixtures.photos import noisy_gradient
from iqbench.config import build, compose
from iqbench.errors import MissingResource, UsageError, one_line
from iqbench.inference.placement import place
from iqbench.interfaces import QualityModel
from iqbench.models.adapters.network import NetworkScorer, scores_of

MEAN, STD = [0.5, 0.25, 0.125], [0.5, 0.25, 0.2]
WEIGHTS = [1.0, -2.0, 3.0]


class ChannelMeans(nn.Module):
    """A weighted sum of the channels' means."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(WEIGHTS))

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures.mean(dim=(2, 3)) * self.weights).sum(dim=1, keepdim=True)


class Untrained(ChannelMeans):
    """The same with other weights, which a file replaces."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.full((3,), start))


HERE = "models.adapters.test_network"


def expected(photo: np.ndarray) -> float:
    means = photo.astype(np.float64).mean(axis=(0, 1)) / 255
    return float((np.array(WEIGHTS) * (means - MEAN) / STD).sum())


def onnx_file(
    path: Path, channels_last: bool = False, batch: int | str = "n", size: int | str = "h", channels: int = 3
) -> Path:
    """Write the network of `ChannelMeans` as ONNX."""
    shape = [batch, size, size, 3] if channels_last else [batch, channels, size, size]
    axes, weights = ([1, 2], WEIGHTS) if channels_last else ([2, 3], WEIGHTS)
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "w"], ["score"]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [2], axes),
        helper.make_tensor("w", TensorProto.FLOAT, [channels, 1], weights[:channels]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [batch, 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(path))
    return path


def model_of(choice: str, **settings: Any) -> QualityModel:
    config = compose("bench", [f"model={choice}", "name=test", "out=nowhere"]).model
    config.update({"preprocessing": None, "mean": MEAN, "std": STD, **settings})
    model: QualityModel = build(config, "model")
    return model


def scores(model: QualityModel, photos: list[np.ndarray]) -> list[float]:
    with torch.inference_mode():
        return [float(model.encode(model.prepare(photo).unsqueeze(0))) for photo in photos]


PHOTOS = [noisy_gradient(40, 60, seed=1), noisy_gradient(33, 47, seed=2) // 2, np.full((32, 32, 3), 9, np.uint8)]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(ChannelMeans().state_dict(), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def script_file(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(ChannelMeans()), str(path))  # type: ignore[no-untyped-call]
    return path


def test_a_network_by_name_with_weights_from_a_file_gives_hand_computed_scores(weights: Path, tmp_path: Path) -> None:
    wanted = pytest.approx([expected(photo) for photo in PHOTOS], abs=1e-4)
    assert scores(model_of("network", target=f"{HERE}:Untrained", weights=str(weights)), PHOTOS) == wanted
    safetensors.torch.save_file(ChannelMeans().state_dict(), tmp_path / "weights.safetensors")
    file = str(tmp_path / "weights.safetensors")
    assert scores(model_of("network", target=f"{HERE}:Untrained", weights=file), PHOTOS) == wanted
    torch.save({"state_dict": ChannelMeans().state_dict(), "epoch": 3}, tmp_path / "lightning.ckpt")
    file = str(tmp_path / "lightning.ckpt")
    lower = model_of("network", target=f"{HERE}:Untrained", weights=file, higher_is_better=False)
    assert scores(lower, PHOTOS) == pytest.approx([-expected(photo) for photo in PHOTOS], abs=1e-4)


@pytest.mark.parametrize("settings", [{}, {"channels_last": True}, {"batch": 1}, {"batch": 4}])
def test_an_onnx_file_gives_the_scores_of_the_network(tmp_path: Path, settings: dict[str, Any]) -> None:
    file = onnx_file(tmp_path / "means.onnx", **settings)
    model = model_of("onnx", file=str(file))
    assert scores(model, PHOTOS) == pytest.approx([expected(photo) for photo in PHOTOS], abs=1e-4)
    same_size = [noisy_gradient(40, 60, seed=seed) for seed in range(5)]
    together = model.encode(torch.stack([model.prepare(photo) for photo in same_size]))
    assert together[:, 0].tolist() == pytest.approx([expected(photo) for photo in same_size], abs=1e-4)


def test_a_torchscript_file_gives_the_scores_of_the_network(tmp_path: Path) -> None:
    model = model_of("torchscript", file=str(script_file(tmp_path / "means.pt")))
    assert scores(model, PHOTOS) == pytest.approx([expected(photo) for photo in PHOTOS], abs=1e-4)


@pytest.mark.slow
def test_an_exported_program_gives_the_scores_of_the_network(tmp_path: Path) -> None:
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.AUTO)
    program = torch.export.export(ChannelMeans(), (torch.zeros(2, 3, 40, 50),), dynamic_shapes=(free,))
    torch.export.save(program, tmp_path / "means.pt2")
    model = place(model_of("torchscript", file=str(tmp_path / "means.pt2")), torch.device("cpu"), channels_last=True)
    assert scores(model, PHOTOS) == pytest.approx([expected(photo) for photo in PHOTOS], abs=1e-4)


@pytest.mark.parametrize("rule", ["standard", "fit_crop", "pad", "squash", "native"])
def test_the_view_is_the_named_rule_and_several_views_count_equally(rule: str) -> None:
    from iqbench.preprocessing import view

    model = model_of("network", target=f"{HERE}:ChannelMeans", preprocessing=rule, size=32)
    pictures = view(PHOTOS[0], rule, 32).numpy().reshape(-1, 3, 32, 32)  # type: ignore[arg-type]
    each = [expected(picture.transpose(1, 2, 0)) for picture in pictures]
    assert scores(model, PHOTOS[:1]) == pytest.approx([np.mean(each)], abs=1e-4)


def test_a_view_of_patches_is_refused_since_no_pooling_of_them_is_known() -> None:
    with pytest.raises(UsageError, match=r"model\.preprocessing=multiscale: is for siamese and ava"):
        model_of("network", target=f"{HERE}:ChannelMeans", preprocessing="multiscale", size=32)


def test_ratings_count_by_their_mean() -> None:
    votes = torch.zeros(2, 10)
    votes[0, 9], votes[1, 0], votes[1, 2] = 1.0, 0.5, 0.5
    assert scores_of(votes, 2, "ratings").tolist() == [10.0, 2.0]
    assert scores_of(torch.zeros(2, 5), 2, "rating_logits").tolist() == pytest.approx([3.0, 3.0])
    with pytest.raises(ValueError, match="do not add up to 1; use model"):
        scores_of(torch.randn(2, 10), 2, "ratings")
    with pytest.raises(ValueError, match=r"one number per photo \(or is it model.output=ratings"):
        scores_of(votes, 2, "score")


def test_workers_get_what_prepares_without_the_network(tmp_path: Path) -> None:
    for model in (
        model_of("torchscript", file=str(script_file(tmp_path / "means.pt")), preprocessing="pad", size=32),
        model_of("onnx", file=str(onnx_file(tmp_path / "means.onnx")), preprocessing="pad", size=32),
    ):
        copy = pickle.loads(pickle.dumps(model))
        assert torch.equal(copy.prepare(PHOTOS[0]), model.prepare(PHOTOS[0]))


def test_a_fixed_size_is_taken_from_the_onnx_file(tmp_path: Path) -> None:
    file = str(onnx_file(tmp_path / "fixed.onnx", size=48))
    model = model_of("onnx", file=file, preprocessing="squash")
    assert model.prepare(PHOTOS[0]).shape == (3, 48, 48)
    with pytest.raises(UsageError, match="takes pictures of 48 x 48 px; set model"):
        model_of("onnx", file=file)
    with pytest.raises(UsageError, match=r"model\.size=224: .* takes pictures of 48 x 48 px"):
        model_of("onnx", file=file, preprocessing="squash", size=224)


@pytest.mark.parametrize(
    ("choice", "settings", "message"),
    [
        ("network", {"target": "torch.nn:Linea"}, "Did you mean"),
        ("network", {"target": f"{HERE}:expected"}, "cannot be built"),
        ("network", {"target": "collections:OrderedDict"}, "no torch module"),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": "gone.pth"}, "there is no such file"),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": "{page}"}, "a web page"),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": "{whole}"}, "code or objects.* nothing was executed"),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": "{nested}"}, "it is a dict of model, epoch"),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": "{flipped}"}, "a checksum differs"),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": 3}, "model.weights=3: must be a path"),
        ("network", {"target": f"{HERE}:ChannelMeans", "mean": 0.5}, "must be three numbers"),
        ("network", {"target": f"{HERE}:ChannelMeans", "preprocessing": "pad", "size": 0}, "must be 1 pixel or more"),
        (
            "network",
            {"target": f"{HERE}:ChannelMeans", "weights": "{other}"},
            "1 tensors are missing, 1 are of something else, such as weights and bias",
        ),
        ("network", {"target": f"{HERE}:ChannelMeans", "weights": "{large}"}, "does not fit ChannelMeans"),
        ("network", {"target": f"{HERE}:ChannelMeans", "output": "votes"}, "must be score, ratings or rating_logits"),
        ("network", {"target": f"{HERE}:ChannelMeans", "std": [0, 1, 1]}, "three numbers above 0"),
        ("network", {"target": f"{HERE}:ChannelMeans", "preprocessing": "crop"}, "no such rule"),
        ("torchscript", {"file": None}, "model.file=null: must be a path"),
        ("onnx", {"file": "{grey}"}, "photos have 3 channels"),
        ("onnx", {"file": "{colour}", "mean": 0.5}, "must be three numbers"),
        ("torchscript", {"file": "gone.pt"}, "there is no such file"),
        ("torchscript", {"file": "{page}"}, "is no file of torch.jit.save"),
        ("torchscript", {"file": "{other}"}, "weights without code: use model=network"),
        ("onnx", {"file": "gone.onnx"}, "there is no such file"),
        ("onnx", {"file": "{page}"}, "ONNX Runtime cannot load it"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, choice: str, settings: dict[str, Any], message: str
) -> None:
    (tmp_path / "page").write_text("<html>")
    torch.save({"bias": torch.zeros(3)}, tmp_path / "other")
    torch.save({"weights": torch.zeros(4)}, tmp_path / "large")
    torch.save(ChannelMeans(), tmp_path / "whole")
    torch.save({"model": ChannelMeans().state_dict(), "epoch": 3}, tmp_path / "nested")
    torch.save({"weights": torch.full((3,), 1.5)}, tmp_path / "flipped")
    content = bytearray((tmp_path / "flipped").read_bytes())
    content[content.index(np.full(3, 1.5, np.float32).tobytes())] ^= 1
    (tmp_path / "flipped").write_bytes(content)
    onnx_file(tmp_path / "grey", channels=1)
    onnx_file(tmp_path / "colour")
    places = {path.name: str(path) for path in tmp_path.iterdir()}
    given = {key: value.format(**places) if isinstance(value, str) else value for key, value in settings.items()}
    with pytest.raises(UsageError, match=message) as caught:
        model_of(choice, **given)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, MissingResource) == ("there is no such file" in message)


def test_without_onnx_runtime_the_line_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    file = onnx_file(tmp_path / "means.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingResource, match=r"pip install 'iqbench\[onnx\]'"):
        model_of("onnx", file=str(file))


def test_a_network_from_python_keeps_its_direction_and_size() -> None:
    network = ChannelMeans()
    network.lower_better = True  # type: ignore[assignment]
    plain, negated = NetworkScorer(ChannelMeans()), NetworkScorer(network)
    assert scores(negated, PHOTOS) == [-score for score in scores(plain, PHOTOS)]
    assert plain.prepare(PHOTOS[1]).shape == (3, 33, 47)


def test_the_error_of_a_torchscript_tells_its_cause(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Conv2d(1, 1, 3)), str(tmp_path / "grey.pt"))  # type: ignore[no-untyped-call]
    model = model_of("torchscript", file=str(tmp_path / "grey.pt"))
    with pytest.raises(RuntimeError) as caught:
        scores(model, PHOTOS)
    assert "to have 1 channels, but got 3 channels instead" in one_line(caught.value)
