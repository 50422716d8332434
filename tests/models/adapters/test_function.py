"""Functions as models: what they may take and give, and what is said of those that cannot be used."""

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.config import build, compose
from iqbench.errors import MissingResource, Stopped, UsageError
from iqbench.inference.failures import raise_if_fatal
from iqbench.interfaces import QualityModel
from iqbench.models.adapters.function import FunctionScorer, function_model

MODULE = """
import numpy as np

def brightness(photo):
    return photo.mean()

def darkness(photo, gamma=1.0):
    return -photo.mean()

def brighter(first, second):
    return first.mean() - second.mean()

def batch_brightness(photos):
    return photos.mean(axis=(1, 2, 3))

def batch_brighter(firsts, seconds):
    assert firsts.ndim == seconds.ndim == 4
    return firsts.mean(axis=(1, 2, 3)) - seconds.mean(axis=(1, 2, 3))

def needs_an_image(photo):
    return photo.convert("L").size[0]

def image_pair(first, second):
    return first.convert("L").size[0] - second.convert("L").size[0]

def three(a, b, c):
    return 0

def words(photo):
    return "good"

def refuses_dark(first, second):
    if min(first.mean(), second.mean()) < 50:
        raise ValueError("too dark")
    return first.mean() - second.mean()

class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, photo):
        return self.factor * photo.mean()

NUMBER = 3

class Judge:
    def score(self, photo):
        return photo.mean()
    @staticmethod
    def brightness(photo):
        return photo.mean()

class Ends:
    def __init__(self):
        raise SystemExit("no key")

async def later(photo):
    return photo.mean()

def by_name(*, photo):
    return photo.mean()

def needs_a_name(photo, *, weight):
    return weight * photo.mean()

def alias(photo: "ImageArray"):
    return photo.mean(axis=(0, 1)).mean()

def leaves(photo):
    raise SystemExit(0)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_functions.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_functions", raising=False)
    return "own_functions"


def model_of(target: str, **settings: Any) -> QualityModel:
    defaults: dict[str, Any] = {"takes": None, "batched": False, "higher_is_better": True, "arguments": {}}
    return function_model(target, **{**defaults, **settings})


def margins(model: QualityModel, photos: list[np.ndarray]) -> list[float]:
    """The margin of the first photo against each of the others."""
    encoded = [model.encode(model.prepare(photo).unsqueeze(0)) for photo in photos]
    first = encoded[0].expand(len(photos) - 1, -1)
    return [float(margin) for margin in model.margin(first, torch.cat(encoded[1:]))]


PHOTOS = [np.full((40, 50, 3), value, np.uint8) for value in (100, 90, 120)] + [np.full((33, 70, 3), 10, np.uint8)]


@pytest.mark.parametrize(
    ("name", "settings", "sign"),
    [
        ("brightness", {}, 1),
        ("Judge.brightness", {}, 1),
        ("alias", {}, 1),
        ("darkness", {}, -1),
        ("darkness", {"higher_is_better": False}, 1),
        ("brighter", {}, 1),
        ("brighter", {"higher_is_better": False}, -1),
        ("batch_brightness", {"batched": True}, 1),
        ("batch_brightness", {"batched": True, "higher_is_better": False}, -1),
        ("batch_brighter", {"batched": True}, 1),
        ("Scaled", {"arguments": {"factor": -1}}, -1),
    ],
)
def test_every_kind_of_function_gives_the_difference_in_brightness(
    module: str, name: str, settings: dict[str, Any], sign: int
) -> None:
    assert margins(model_of(f"{module}:{name}", **settings), PHOTOS) == [sign * 10.0, sign * -20.0, sign * 90.0]


def test_a_function_that_cannot_use_arrays_gets_images(module: str) -> None:
    assert margins(model_of(f"{module}:needs_an_image"), PHOTOS) == [0.0, 0.0, -20.0]
    assert margins(model_of(f"{module}:image_pair"), PHOTOS) == [0.0, 0.0, -20.0]


def test_an_error_about_one_pair_costs_that_pair(module: str) -> None:
    model = model_of(f"{module}:refuses_dark")
    encoded = [model.encode(model.prepare(photo).unsqueeze(0)) for photo in PHOTOS]
    assert float(model.margin(encoded[0], encoded[1])) == 10.0
    with pytest.raises(ValueError, match="too dark") as caught:
        model.margin(encoded[0], encoded[3])
    raise_if_fatal(caught.value)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("{m}:three", {}, "takes a, b, c; a function takes one photo, or two"),
        ("{m}:NUMBER", {}, "int is no function"),
        ("{m}:brightnes", {}, "Did you mean 'brightness'"),
        ("{m}:Scaled", {}, "Scaled cannot be made .*factor"),
        ("{m}:brightness", {"arguments": {"x": 1}}, "no class"),
        ("{m}:brightness", {"takes": "two"}, "must be photo, pair, or null"),
        ("brightness", {}, "must name a module and what is in it, such as my_module:my_score"),
        ("mine.py", {}, "must name a module and what is in it, such as mine.py:my_score"),
        ("{m}:Judge.score", {}, r"a method needs an object; write score = Judge\(\)\.score into own_functions"),
        ("{m}:Ends", {}, r"Ends cannot be made \(SystemExit: no key in own_functions\.py, line \d+\)"),
        ("{m}:later", {}, "is async"),
        ("{m}:by_name", {}, r"cannot be called as function\(photo\)"),
        ("{m}:needs_a_name", {}, r"cannot be called as function\(photo\) \(missing a required .*weight"),
        ("{m}:", {}, "must name a module"),
    ],
)
def test_a_function_that_cannot_be_used_is_told_in_one_line(
    module: str, target: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        model_of(target.format(m=module), **settings)
    assert "\n" not in str(caught.value)


def test_a_module_that_is_not_there_is_missing_and_so_is_what_it_needs(tmp_path: Path, module: str) -> None:
    with pytest.raises(MissingResource, match=r"there is no module not_there_at_all, neither in the current folder"):
        model_of("not_there_at_all:score")
    (tmp_path / "needs_more.py").write_text("import surely_not_installed\n")
    with pytest.raises(MissingResource, match="needs_more needs surely_not_installed, which is not installed"):
        model_of("needs_more:score")
    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match=r"cannot be imported \(ZeroDivisionError"):
        model_of("broken_module:score")


def test_a_file_is_named_by_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "by_path.py").write_text("def score(photo):\n    return photo.mean()\n")
    assert margins(model_of(f"{folder / 'by_path.py'}:score"), PHOTOS)[0] == 10.0
    with pytest.raises(MissingResource, match=r"there is no file .*gone\.py"):
        model_of(f"{folder / 'gone.py'}:score")
    (tmp_path / "by_path.py").write_text("")
    with pytest.raises(UsageError, match="another module is called by_path"):
        model_of(f"{tmp_path / 'by_path.py'}:score")


def test_a_quality_model_is_taken_as_it_is() -> None:
    arguments = {"weights": {"contrast": 1.0}, "clipped": True}
    model = model_of("iqbench.models.rules:Rules", arguments=arguments)
    assert type(model).__name__ == "Rules"
    with pytest.raises(UsageError, match="has a margin of its own"):
        model_of("iqbench.models.rules:Rules", arguments=arguments, higher_is_better=False)


@pytest.mark.parametrize("answer", [[1.0, 2.0], ["a"], None, [1.0, 2.0, 3.0, 4.0]])
def test_a_batch_function_must_give_one_number_for_each(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("giving")
    giving: Callable[[Any], Any] = lambda photos: answer  # noqa: E731
    module.score = giving  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "giving", module)
    model = model_of("giving:score", batched=True)
    inputs = torch.stack([model.prepare(noisy_gradient(32, 40, seed=seed)) for seed in range(3)])
    with pytest.raises(TypeError, match="for 3 photos; it must give one number for each"):
        model.encode(inputs)


def test_images_are_rgb() -> None:
    seen: list[Any] = []
    module = type(sys)("looking")

    def score(photo: Image.Image) -> float:
        seen.append(photo)
        return 1.0

    module.score = score  # type: ignore[attr-defined]
    sys.modules["looking"] = module
    try:
        model_of("looking:score").prepare(PHOTOS[0])
    finally:
        del sys.modules["looking"]
    assert seen[-1].mode == "RGB"
    assert seen[-1].size == (50, 40)


@pytest.mark.parametrize("given", [None, 3, ["mine:score"]])
def test_a_target_that_is_no_text_is_told_in_one_line(given: Any) -> None:
    with pytest.raises(UsageError, match="must name a module and what is in it"):
        model_of(given)


def test_a_module_that_ends_the_program_when_imported_is_a_mistake_and_not_success(tmp_path: Path, module: str) -> None:
    (tmp_path / "program_without_guard.py").write_text("def score(photo):\n    return 1\nraise SystemExit(0)\n")
    with pytest.raises(UsageError, match=r"ends the program when it is imported .* if __name__ == \"__main__\":"):
        model_of("program_without_guard:score")
    (tmp_path / "terminated.py").write_text("raise SystemExit(143)\n")
    with pytest.raises(SystemExit):
        model_of("terminated:score")
    (tmp_path / "relative.py").write_text("from .beside import score\n")
    with pytest.raises(UsageError, match="name it by its package"):
        model_of("relative:score")


def test_a_function_is_tried_out_where_it_is_used_and_not_when_it_is_made(module: str) -> None:
    model = model_of(f"{module}:leaves")
    with pytest.raises(SystemExit) as caught:
        model.prepare(PHOTOS[0])
    with pytest.raises(Stopped, match=r"calls sys.exit\(0\)"):
        raise_if_fatal(caught.value)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
        (torch.tensor([2.0], requires_grad=True), 2.0),
        (np.float16(0.25), 0.25),
        (np.bool_(True), 1.0),
        (Fraction(1, 4), 0.25),
        (10**30, 1e30),
        (np.ma.masked, np.nan),
        ([3], 3.0),
    ],
)
def test_whatever_is_one_number_is_a_score(answer: Any, number: float) -> None:
    score = FunctionScorer(lambda photo: answer).prepare(PHOTOS[0])
    assert score.tolist() == pytest.approx([number], nan_ok=True)


@pytest.mark.parametrize("answer", [None, "0.5", {"score": 1}, (1.0, 2.0), 1j, torch.tensor(1j)])
def test_whatever_is_no_number_is_refused(answer: Any) -> None:
    with pytest.raises(TypeError, match="a score is one number"):
        FunctionScorer(lambda photo: answer).prepare(PHOTOS[0])


def test_that_a_number_is_taken_for_a_margin_is_said(module: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        model_of(f"{module}:brighter")
    assert "takes two photos (first, second); its number is a margin" in caplog.text


def test_arguments_come_from_the_command_line_as_the_readme_writes_them(module: str) -> None:
    for override in ("model.arguments={factor: -1}", "+model.arguments.factor=-1"):
        overrides = ["model=function", f"model.target={module}:Scaled", override, "name=test", "out=nowhere"]
        assert margins(build(compose("bench", overrides).model, "model"), PHOTOS)[0] == -10.0
