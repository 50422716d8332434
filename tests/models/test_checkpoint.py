"""Every way in which a checkpoint can be wrong ends in one line that names the file."""

import errno
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from fixtures.systems import needs_pipes
from fixtures.tiny_models import SGD, ava, fit, pairs, pictures, siamese, votes
from iqbench.errors import CheckpointError
from iqbench.models.ava import Ava
from iqbench.models.checkpoint import Weights, export_head, read_weights
from iqbench.models.siamese import Siamese

PROVENANCE = {"what": "a test", "photos": ["0123456789abcdef"]}


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


def trained(folder: Path, model: Siamese | Ava, name: str = "best.ckpt") -> Path:
    """The checkpoint of a short fit."""
    model.trained_on = PROVENANCE
    examples = pairs(4) if isinstance(model, Siamese) else votes(4)
    fit(model, examples, folder, max_steps=1).save_checkpoint(folder / name)
    return folder / name


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return trained(tmp_path, siamese())


def margins(model: Siamese | Ava) -> list[float]:
    with torch.inference_mode():
        first, second = model.encode(pictures(6, seed=7)), model.encode(pictures(6, seed=8))
        return model.margin(first, second).tolist()


def assert_refused(path: Path, reason: str, build: Callable[..., Any] = siamese, **settings: Any) -> None:
    with pytest.raises(CheckpointError, match=reason) as caught:
        build(checkpoint=str(path), **settings)
    message = str(caught.value)
    assert path.name in message
    assert message.isprintable()
    assert len(message) - len(str(path)) < 220


# What works


@pytest.mark.parametrize("build", [siamese, ava])
def test_a_lightning_checkpoint_gives_bit_equal_margins(build: Callable[..., Any], tmp_path: Path) -> None:
    model = build()
    path = trained(tmp_path, model)
    loaded_model = build(seed=99, checkpoint=str(path))
    assert margins(loaded_model) == margins(model)
    assert any(margin != 0 for margin in margins(model))
    assert margins(build(seed=99)) != margins(model)
    assert loaded_model.trained_on == PROVENANCE


def test_load_from_checkpoint_of_lightning_works_too(tmp_path: Path) -> None:
    for model in (siamese(), ava(output="mean", losses={"votes": "mse"})):
        path = trained(tmp_path, model)
        loaded_model = type(model).load_from_checkpoint(path, weights_only=True, map_location="cpu").eval()
        assert margins(loaded_model) == margins(model)


def test_the_hyperparameters_are_plain_values_and_all_of_them(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    settings = content["hyper_parameters"]
    assert settings["backbone"] == "tiny"
    assert settings["optimizer"] == SGD
    assert "checkpoint" not in settings  # or loading it would need the file that it was trained from
    plain = (str, int, float, bool, dict, type(None))
    assert all(type(value) in plain for value in [*settings.values(), *settings["optimizer"].values()])
    assert content["iqbench"]["family"] == "siamese"
    assert content["iqbench"]["trained_on"] == PROVENANCE


def test_an_exported_head_on_the_packaged_backbone_gives_bit_equal_margins(tmp_path: Path) -> None:
    packaged = {"backbone": "tf_efficientnet_lite0", "weights": "packaged", "frozen": True}
    model = siamese(**packaged)
    card = Weights(model.state_dict(), "siamese", model.architecture, PROVENANCE)
    export_head(tmp_path / "head.safetensors", card)
    loaded_model = siamese(seed=99, checkpoint=str(tmp_path / "head.safetensors"), **packaged)
    assert margins(loaded_model) == margins(model)
    assert loaded_model.trained_on == PROVENANCE
    assert (tmp_path / "head.safetensors").stat().st_size < 200_000
    assert [path.name for path in tmp_path.iterdir()] == ["head.safetensors"]


def test_untrained_loads_nothing() -> None:
    assert siamese(checkpoint="untrained").trained_on == {}


def test_the_packaged_backbone_need_not_be_read_where_the_file_has_one(checkpoint: Path) -> None:
    weights = read_weights(checkpoint)
    assert (weights.family, weights.architecture["backbone"], weights.trained_on) == ("siamese", "tiny", PROVENANCE)
    assert any(name.startswith("backbone.") for name in weights.state)


# What does not


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"\n  <html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs pointer"),
        (b"not weights at all " * 20, "damaged or not a checkpoint"),
        (b"PK\x03\x04" + bytes(500), "damaged or not a checkpoint"),
        (bytes(500), "damaged or not a checkpoint"),
    ],
)
def test_a_file_that_is_something_else_is_refused(suffix: str, content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    assert_refused(path, reason)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_is_refused_and_not_run(protocol: int, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    inside = {"state_dict": Canary(canary), "iqbench": {"family": "siamese"}}
    torch.save(inside, tmp_path / "zip.ckpt", pickle_protocol=2)
    torch.save(inside, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    (tmp_path / "bare.ckpt").write_bytes(pickle.dumps(inside, protocol=protocol))
    for name in ("zip.ckpt", "old.ckpt", "bare.ckpt"):
        assert_refused(tmp_path / name, "code or objects|damaged or not a checkpoint")
    assert_refused(tmp_path / "zip.ckpt", "holds code or objects")
    assert not canary.exists()
    torch.load(tmp_path / "zip.ckpt", weights_only=False)  # the guard's removal would have been seen
    assert canary.exists()


def head_file(folder: Path) -> Path:
    """All of a tiny model as safetensors, so that it needs no packaged backbone."""
    model = siamese()
    state = {name.replace("backbone.", "x"): value for name, value in model.state_dict().items()}
    path = folder / "head.safetensors"
    export_head(path, Weights(state, "siamese", model.architecture, PROVENANCE))
    return path


def test_a_checkpoint_truncated_anywhere_is_refused(checkpoint: Path) -> None:
    original_bytes = checkpoint.read_bytes()
    for share in (0.01, 0.3, 0.6, 0.95, 0.999):
        cut = checkpoint.with_name("cut.ckpt")
        cut.write_bytes(original_bytes[: int(len(original_bytes) * share)])
        assert_refused(cut, "damaged or not a checkpoint")


def test_safetensors_truncated_anywhere_are_refused(tmp_path: Path) -> None:
    original_bytes = head_file(tmp_path).read_bytes()
    for share in (0.001, 0.1, 0.6, 0.95, 0.9999):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(original_bytes[: int(len(original_bytes) * share)])
        assert_refused(cut, "damaged or not a checkpoint")


def flipped(path: Path, at: int, bit: int = 0x40) -> Path:
    original_bytes = path.read_bytes()
    copy = path.with_name(f"flipped{path.suffix}")
    copy.write_bytes(original_bytes[:at] + bytes([original_bytes[at] ^ bit]) + original_bytes[at + 1 :])
    return copy


def is_refused(path: Path, weights: Weights) -> bool:
    """Return whether a file is refused in one line; where it is not, it must hold the very same weights."""
    try:
        read = read_weights(path)
    except CheckpointError as error:
        return path.name in str(error) and str(error).isprintable()
    assert (read.family, read.architecture) == (weights.family, weights.architecture)
    assert all(torch.equal(value, weights.state[name]) for name, value in read.state.items())
    return False


def test_a_bit_flipped_anywhere_in_a_checkpoint_is_refused_or_harmless(checkpoint: Path) -> None:
    weights, size = read_weights(checkpoint), checkpoint.stat().st_size
    places = torch.randint(0, size, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    assert sum(is_refused(flipped(checkpoint, at), weights) for at in places) > 100


def test_a_bit_flipped_in_the_weights_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    weight = read_weights(checkpoint).state["lean.0.weight"].numpy().tobytes()
    assert_refused(flipped(checkpoint, checkpoint.read_bytes().index(weight) + 10), "damaged or not a checkpoint")
    head = head_file(tmp_path)
    assert_refused(flipped(head, head.stat().st_size - 10), "damaged or not a checkpoint")


def test_a_bit_flipped_anywhere_in_safetensors_is_refused_or_harmless(tmp_path: Path) -> None:
    path = head_file(tmp_path)
    weights = read_weights(path)
    places = range(0, path.stat().st_size, 61)
    assert sum(is_refused(flipped(path, at, 0x08), weights) for at in places) > 0.8 * len(places)


def test_an_export_without_a_checksum_can_still_be_read(tmp_path: Path) -> None:
    card = '{"architecture": {"size": 32}, "family": "ava", "trained_on": {}}'
    safetensors.torch.save_file({"weight": torch.ones(3)}, tmp_path / "old.safetensors", {"iqbench": card})
    assert read_weights(tmp_path / "old.safetensors").state["weight"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_the_tensors_name(value: float, checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"]["lean.0.weight"][3, 5] = value
    torch.save(content, checkpoint)
    assert_refused(checkpoint, r"lean\.0\.weight holds NaN or infinity")


def test_a_checkpoint_of_another_family_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    assert_refused(checkpoint, "a checkpoint of model=siamese, not of model=ava", build=ava)
    assert_refused(trained(tmp_path, ava(), "ava.ckpt"), "a checkpoint of model=ava, not of model=siamese")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"head_width": 16}, r"trained with model\.head_width=8, but model\.head_width=16 was given"),
        ({"size": 64}, r"model\.size=32"),
        ({"preprocessing": "standard"}, r"model\.preprocessing=squash"),
        ({"backbone": "test_resnet"}, r"use model\.backbone=tiny model\.weights=none"),
    ],
)
def test_another_architecture_is_refused_with_what_to_say(
    checkpoint: Path, settings: dict[str, Any], reason: str
) -> None:
    assert_refused(checkpoint, reason, **settings)


def edited(checkpoint: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, checkpoint)
    return checkpoint


def test_a_missing_an_unknown_and_a_misshapen_tensor_are_refused_by_name(checkpoint: Path) -> None:
    original_bytes = checkpoint.read_bytes()
    assert_refused(edited(checkpoint, lambda c: c["state_dict"].pop("lean.3.weight")), r"lean\.3\.weight is missing")
    checkpoint.write_bytes(original_bytes)
    assert_refused(edited(checkpoint, lambda c: c["state_dict"].update(extra=torch.ones(1))), "extra is unknown")
    checkpoint.write_bytes(original_bytes)
    wide = edited(checkpoint, lambda c: c["state_dict"].update({"lean.3.weight": torch.ones(1, 9)}))
    assert_refused(wide, r"lean\.3\.weight is 1x9, the model's is 1x8")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("state_dict"),
        lambda c: c.pop("iqbench"),
        lambda c: c.update(state_dict=[1, 2]),
        lambda c: c.update(state_dict={"lean.0.weight": "a word"}),
        lambda c: c.update(iqbench=3),
        lambda c: c["iqbench"].pop("architecture"),
        lambda c: c["iqbench"].update(architecture=None),
        lambda c: c["iqbench"].update(trained_on=None),
        lambda c: c["iqbench"].update(family=None),
    ],
)
def test_a_card_or_weights_of_another_kind_are_refused(checkpoint: Path, change: Callable[..., object]) -> None:
    assert_refused(edited(checkpoint, change), "weights of another program|not of model=siamese")


def test_weights_of_another_program_are_refused(tmp_path: Path) -> None:
    torch.save(siamese().state_dict(), tmp_path / "plain.pth")
    torch.save([torch.ones(3)], tmp_path / "list.pth")
    torch.save(torch.ones(3), tmp_path / "tensor.pth")
    for name in ("plain.pth", "list.pth", "tensor.pth"):
        assert_refused(tmp_path / name, "weights of another program")
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(3)}, foreign)
    assert_refused(foreign, "weights of another program")
    safetensors.torch.save_file({"weight": torch.ones(3)}, foreign, {"iqbench": "{not json"})
    assert_refused(foreign, "damaged or not a checkpoint")


def test_a_head_without_its_backbone_is_refused_on_any_other(tmp_path: Path) -> None:
    assert_refused(head_file(tmp_path), r"a head for the packaged backbone; use model\.weights=packaged|unknown")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "locked.ckpt").write_bytes(b"PK")
    monkeypatch.setattr(Path, "open", refuse)
    assert_refused(tmp_path / "locked.ckpt", r"cannot be read \(Permission denied\)")


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "some.ckpt").mkdir()
    assert_refused(tmp_path / "some.ckpt", r"model\.checkpoint=.* is a folder")
    assert_refused(tmp_path / "none.ckpt", "no such file")


@pytest.mark.parametrize("url", ["https://example.org/best.ckpt", "http://example.org/best.ckpt", "s3://b/best.ckpt"])
def test_a_url_is_refused_without_asking_anyone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket", None)
    with pytest.raises(CheckpointError, match=r"best\.ckpt: a URL; download the file"):
        siamese(checkpoint=url)


def test_the_setting_that_named_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"ckpt_path=.*none\.ckpt: no such file"):
        read_weights(tmp_path / "none.ckpt", key="ckpt_path")


def test_an_export_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = head_file(tmp_path)
    original_bytes = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save", full)
    with pytest.raises(OSError, match="disk full"):
        head_file(tmp_path)
    assert path.read_bytes() == original_bytes


def test_no_reader_of_weights_would_run_code() -> None:
    import ast
    import inspect

    from iqbench.models import backbone, checkpoint

    loads = [
        call
        for module in (backbone, checkpoint)
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("torch.load", "pickle.load", "pickle.loads")
    ]
    assert len(loads) == 2
    for call in loads:
        assert {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}["weights_only"] == "True"


def test_tensors_of_a_checkpoint_can_be_read_from_memory_alone(checkpoint: Path) -> None:
    content = torch.load(io.BytesIO(checkpoint.read_bytes()), weights_only=True)
    assert set(content["state_dict"]) == set(siamese().state_dict())


@needs_pipes
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ckpt")
    assert_refused(tmp_path / "pipe.ckpt", r"model\.checkpoint=.*pipe\.ckpt: is no file")


@pytest.mark.parametrize("moment", ["open", "stat", "load"])
def test_a_checkpoint_that_cannot_be_read_is_refused_with_the_reason(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    target: tuple[Any, str] = {"open": (Path, "open"), "stat": (Path, "is_file"), "load": (torch, "load")}[moment]
    monkeypatch.setattr(*target, forbidden)
    assert_refused(checkpoint, r"model\.checkpoint=.*best\.ckpt: cannot be read \(Permission denied\)")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be read \(File name too long\)"):
        siamese(checkpoint=str(tmp_path / ("x" * 300)))
