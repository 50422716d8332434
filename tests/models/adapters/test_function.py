"""Functions as models: what they may take and give, and what is said of those that cannot be used."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.errors import MissingResource, UsageError
from iqbench.inference.failures import raise_if_fatal
from iqbench.interfaces import QualityModel
from iqbench.models.adapters.function import function_model

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
