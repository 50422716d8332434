"""The fingerprint: whatever a model computes with counts, and where it lies does not."""

import functools
import hashlib
import importlib
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fixtures.tiny_models import siamese
from iqbench import file_contents
from iqbench.custom_code import code_of_class, custom_code
from iqbench.file_contents import content_digest
from iqbench.models.adapters.function import function_model
from iqbench.models.adapters.network import NetworkScorer
from iqbench.models.rules import Rules
from iqbench.object_state import state_digest
from iqbench.provenance import fingerprint, with_code_digest

MINE = {"_target_": "a_model_of_mine.Model", "size": 3}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "a_model_of_mine.py"
    file.write_text("class Model:\n    scale = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_model_of_mine", raising=False)
    importlib.invalidate_caches()
    return file


class Judge:
    """A model that is no module and keeps what it is given."""

    def __init__(self, **settings: Any) -> None:
        vars(self).update(settings)


def of(**settings: Any) -> str:
    """Return the fingerprint of a judge that is built from settings and keeps none of them."""
    return fingerprint(Judge(), {"_target_": f"{__name__}.Judge", **settings})


def test_a_model_whose_code_was_edited_is_another_model(code: Path) -> None:
    original_fingerprint = fingerprint(nn.Identity(), MINE)
    assert fingerprint(nn.Identity(), MINE) == original_fingerprint
    code.write_text("class Model:\n    scale = 2\n")
    assert fingerprint(nn.Identity(), MINE) != original_fingerprint


def test_a_function_and_a_network_that_settings_name_count_with_their_code_and_weights(
    code: Path, tmp_path: Path
) -> None:
    function = {"_target_": "iqbench.models.adapters.function.function_model", "target": "a_model_of_mine:score"}

    def told() -> str:
        sys.modules.pop("a_model_of_mine", None)
        importlib.invalidate_caches()
        model = function_model("a_model_of_mine:score", None, False, True, {})
        return fingerprint(model, function)

    code.write_text("FACTOR = 1\ndef score(photo):\n    return FACTOR * photo.mean()\n")
    first = told()
    assert told() == first
    code.write_text("FACTOR = -1\ndef score(photo):\n    return FACTOR * photo.mean()\n")  # a global of the module
    assert told() != first

    settings = {"_target_": "iqbench.models.adapters.network.network_model", "target": "torch.nn:Identity"}
    networks = [NetworkScorer(nn.Linear(2, 1)) for _ in range(2)]
    assert len({fingerprint(network, settings) for network in networks}) == 2
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"one")
    before = fingerprint(networks[0], {**settings, "weights": str(weights)})
    weights.write_bytes(b"two")
    assert fingerprint(networks[0], {**settings, "weights": str(weights)}) != before


def test_own_code_is_found_wherever_it_is_called_and_ours_is_none(code: Path) -> None:
    ours = {"_target_": "iqbench.models.siamese.Siamese", "list": [1, {"a": None}], "text": "_target_"}
    assert custom_code(ours) == ""
    assert custom_code({"blur": ours | {"levels": [{"kernel": MINE}]}}) == custom_code(MINE) != ""


@pytest.mark.parametrize("line", ["import helper_of_mine", "def f():\n    from helper_of_mine import A"])
def test_code_that_is_imported_from_beside_counts_at_any_depth(code: Path, line: str) -> None:
    code.write_text(f"{line}\nimport os, torch\nclass Model: ...\n")
    (code.parent / "helper_of_mine.py").write_text("import deeper_of_mine.part\n")
    (code.parent / "deeper_of_mine").mkdir()
    for name in ("__init__", "part"):
        (code.parent / "deeper_of_mine" / f"{name}.py").write_text("")
    digests = [custom_code(MINE)]
    for name in ("helper_of_mine", "deeper_of_mine/part", "deeper_of_mine/__init__"):
        file = code.parent / f"{name}.py"
        file.write_text(file.read_text() + "# edited\n")
        digests.append(custom_code(MINE))
    (code.parent / "never_imported.py").write_text("1")
    assert len(set(digests)) == 4
    assert custom_code(MINE) == digests[-1]


def test_code_counts_wherever_it_lies_and_whatever_its_line_ends(code: Path) -> None:
    before = custom_code(MINE)
    code.write_bytes(code.read_bytes().replace(b"\n", b"\r\n"))
    assert custom_code(MINE) == before


def test_a_class_of_an_installed_package_and_one_of_python_have_no_code_of_the_user() -> None:
    assert code_of_class(nn.Linear) == code_of_class(dict) == code_of_class(functools.partial) == ""
    assert code_of_class(Judge) != ""


@pytest.mark.parametrize("at", ["checkpoint", "weights"])
def test_a_file_in_a_setting_counts_by_its_content_and_not_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    files = {name: tmp_path / f"{name}.pt" for name in ("a", "b", "copy")}
    for name, file in files.items():
        file.write_bytes(b"B" if name == "b" else b"A")
    assert of(**{at: str(files["a"])}) == of(**{at: str(files["copy"])}) != of(**{at: str(files["b"])})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert of(**{at: "~/a.pt"}) == of(**{at: "a.pt"}) == of(**{at: "$HOME/a.pt"}) == of(**{at: str(files["a"])})
    before = of(**{at: "a.pt"})
    files["a"].write_bytes(b"C")
    assert of(**{at: "a.pt"}) != before


def test_files_count_at_any_depth_of_the_settings_and_other_values_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("1")
    nested = {"net": [{"stages": (1, {"file": str(tmp_path / "x")})}]}
    before = of(**nested)
    (tmp_path / "x").write_text("2")
    assert of(**nested) != before
    assert of(net={"a": {"b": 1}}) != of(net={"a": {"b": 2}})
    assert of(checkpoint="vit-b") != of(checkpoint="vit-l")
    assert of(separator=".", root="/") == of(root="/", separator=".")
    assert of(text="a\0b") != of(text="x" * 5000)


def test_a_folder_counts_by_what_is_in_it_but_for_results_and_hidden_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "part").mkdir(parents=True)
        (tmp_path / name / "part" / "w.bin").write_text("weights")
    first, second = (content_digest(str(tmp_path / name)) for name in ("first", "second"))
    assert first == second
    (tmp_path / "first" / ".cache").write_text("hidden")
    (tmp_path / "first" / "out").mkdir()
    (tmp_path / "first" / "out" / file_contents.MARK).touch()
    (tmp_path / "first" / "out" / "results").write_text("ours")
    assert content_digest(str(tmp_path / "first")) == first
    (tmp_path / "first" / "part" / "w.bin").write_text("others")
    assert content_digest(str(tmp_path / "first")) != first
    monkeypatch.setattr(file_contents, "MAX_FILES", 0)
    assert content_digest(str(tmp_path / "second")) is None


def test_the_packaged_models_are_told_apart_by_weights_and_settings_and_a_checkpoint_has_no_place() -> None:
    def told(seed: int, **settings: object) -> str:
        return fingerprint(siamese(seed), {"_target_": "iqbench.models.siamese.Siamese", **settings})

    assert told(0, size=3, checkpoint="a") == told(0, checkpoint="b", size=3)
    assert len({told(0, size=3), told(0, size=4), told(1, size=3)}) == 3


def test_the_packaged_models_keep_the_fingerprints_of_iqbench_0_3_so_its_stores_can_go_on() -> None:
    settings = {"_target_": "iqbench.models.siamese.Siamese", "size": 3}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, value in sorted(siamese().state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    assert fingerprint(siamese(), {**settings, "checkpoint": "reference"}) == digest.hexdigest()[:12]
    rules = {"_target_": "iqbench.models.rules.Rules", "weights": {"contrast": 1.0}}
    expected = hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:12]
    assert fingerprint(Rules(weights={"contrast": 1.0}, clipped=True), rules) == expected


def test_a_packaged_model_that_was_built_in_python_counts_by_what_it_holds() -> None:
    name = {"_target_": "iqbench.models.rules.Rules"}
    terms = ("contrast", "contrast", "exposure")
    first, same, other = (fingerprint(Rules(weights={term: 1.0}, clipped=True), name) for term in terms)
    assert first == same != other


class Extra(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        vars(self)["hidden"] = None
        self.register_buffer("buffer", torch.zeros(1), persistent=False)
        self.value = value

    def get_extra_state(self) -> dict[str, float]:
        return {"value": self.value}


class Slots:
    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        self.value = value


def enclosed(value: float) -> object:
    class Local:
        def encode(self) -> float:
            return value

    return Local()


def linear(value: float) -> nn.Linear:
    net = nn.Linear(2, 2)
    nn.init.constant_(net.weight, value)
    nn.init.constant_(net.bias, value)
    return net


def with_buffer(value: float) -> nn.Module:
    module = Extra(1.0)
    module.get_buffer("buffer").fill_(value)
    return module


def quantized(value: float) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(linear(value)), {nn.Linear}, dtype=torch.qint8)


def scripted(value: float) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(linear(value))


def tied(value: float) -> nn.Module:
    first, second = linear(value), linear(value)
    second.weight = first.weight
    return nn.Sequential(first, second)


OBJECTS: dict[str, Callable[[float], object]] = {
    "a plain attribute": lambda value: Judge(scale=value),
    "a module inside": lambda value: Judge(parts={"net": [linear(value)]}),
    "an array inside": lambda value: Judge(table=np.array([value])),
    "a tensor inside": lambda value: Judge(table=(torch.tensor([value]),)),
    "an array of objects": lambda value: Judge(table=np.array([value, "a", None], dtype=object)),
    "slots": Slots,
    "extra state": Extra,
    "a buffer that is not saved": with_buffer,
    "quantised": quantized,
    "ScriptModule": scripted,
    "traced by fx": lambda value: torch.fx.symbolic_trace(nn.Sequential(linear(value))),
    "shared parameters": tied,
    "a variable that is enclosed": enclosed,
    "functools.partial": lambda value: functools.partial(np.mean, axis=value),
    "generator": lambda value: Judge(random=np.random.default_rng(int(value))),
    "0-dim bfloat16": lambda value: torch.tensor(value, dtype=torch.bfloat16),
    "complex": lambda value: torch.tensor([complex(value, 1)]).conj(),
    "COO": lambda value: (torch.eye(2) * value).to_sparse(),
    "CSR": lambda value: (torch.eye(2) * value).to_sparse_csr(),
    "quantised by channel": lambda value: torch.quantize_per_channel(
        torch.ones(2, 2), torch.tensor([value, 0.5]), torch.tensor([0, 0]), 0, torch.qint8
    ),
    "empty": lambda value: torch.empty(0, int(value)),
    "meta": lambda value: torch.empty(int(value), device="meta"),
    "set": lambda value: {"a", ("b", value)},
}


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
@pytest.mark.filterwarnings("ignore")
def test_objects_of_one_state_have_one_digest_and_others_another(make: Callable[[float], object]) -> None:
    assert state_digest(make(1.0)) == state_digest(make(1.0)) != state_digest(make(2.0))


def test_paths_in_attributes_count_by_content_and_words_of_a_vocabulary_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Judge(words=["data", "test"], file=tmp_path / "a.bin", text=str(tmp_path / "b.bin"))
    digests = [state_digest(judge)]
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_text("1")
        digests.append(state_digest(judge))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert len(set(digests)) == 3
    assert state_digest(judge) == digests[-1]


def test_what_cannot_be_described_counts_by_its_class_and_never_fails() -> None:
    class Stubborn:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise SystemError("no")

    cycle: list[object] = []
    cycle.append(cycle)
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    for value in (Stubborn(), cycle, deep, (number for number in ()), threading.Lock()):
        assert state_digest(value) == state_digest(value)
    assert state_digest(Stubborn()) != state_digest(cycle)


def test_what_a_model_remembers_of_a_pass_is_no_part_of_it() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.last, self.all = nn.Identity(), None, list[torch.Tensor]()
            self.handle = self.layer.register_forward_hook(self.remember)

        def remember(self, module: nn.Module, inputs: Any, output: Any) -> None:
            self.last = output * 2
            self.all.append(self.last)

    model = Remembers()
    before = state_digest(model)
    with torch.inference_mode():
        model.layer(torch.ones(2))
    assert state_digest(model) == before == state_digest(Remembers())  # the handles of hooks count up


@pytest.mark.slow
def test_a_fingerprint_is_the_same_in_every_process() -> None:
    program = "import test_fingerprint as t; from iqbench.object_state import state_digest; "
    program += "print(*(state_digest(make(1.0)).hex() for make in t.OBJECTS.values()))"
    folder = Path(__file__).parent
    outputs = set()
    for seed in ("1", "2"):
        paths = os.pathsep.join([str(folder), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        command = [sys.executable, "-W", "ignore", "-c", program]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1


def test_a_degradation_counts_by_the_content_of_its_files(code: Path, tmp_path: Path) -> None:
    (tmp_path / "texture.png").write_text("1")
    node = {"_target_": "a_model_of_mine.Model", "texture": str(tmp_path / "texture.png"), "levels": [1, 2]}
    before = with_code_digest(node)
    assert (before["texture"][:7], before["levels"], before["_target_"]) == ("sha256 ", [1, 2], node["_target_"])
    (tmp_path / "texture.png").write_text("2")
    assert with_code_digest(node)["texture"] != before["texture"]
    ours = {"_target_": "iqbench.degradations.blur.blur_ladder", "sigma": [1]}
    assert with_code_digest(ours) is ours
