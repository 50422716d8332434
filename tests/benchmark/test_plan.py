"""What a run is told apart by, and what is tried before it starts."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from iqbench.benchmark.plan import fingerprint, rehearse, self_test
from iqbench.config import own_code
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.errors import UsageError
from iqbench.interfaces import Photo, Variant

MINE = {"_target_": "a_model_of_mine.Model", "size": 3}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "a_model_of_mine.py"
    file.write_text("class Model:\n    scale = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_model_of_mine", raising=False)
    importlib.invalidate_caches()
    return file


def test_a_model_whose_code_was_edited_is_another_model(code: Path) -> None:
    before = fingerprint(nn.Identity(), MINE)
    assert fingerprint(nn.Identity(), MINE) == before
    code.write_text("class Model:\n    scale = 2\n")
    assert fingerprint(nn.Identity(), MINE) != before


def test_own_code_is_found_wherever_it_is_called_and_ours_is_none(code: Path) -> None:
    ours = {"_target_": "iqbench.models.siamese.Siamese", "list": [1, {"a": None}], "text": "_target_"}
    assert own_code(ours) == ""
    assert own_code({"blur": ours | {"levels": [{"kernel": MINE}]}}) == own_code(MINE) != ""


def test_a_model_is_told_apart_by_its_settings_and_weights_but_not_by_where_they_lie() -> None:
    def told(weight: float, **settings: object) -> str:
        net = nn.Linear(1, 1, bias=False)
        nn.init.constant_(net.weight, weight)
        return fingerprint(net, settings)

    assert told(1.0, size=3, checkpoint="a") == told(1.0, checkpoint="b", size=3)
    assert len({told(1.0, size=3), told(1.0, size=4), told(2.0, size=3)}) == 3


def own(apply: object) -> list[Variant]:
    return suite({"own": Degradation("technical", [Ladder("", [Level("7", apply)])])})  # type: ignore[arg-type]


def broken(photo: Photo) -> Photo:
    raise ValueError("no idea\nat all")


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (broken, r"own/7: fails on a plain photo \(ValueError: no idea at all\)"),
        (lambda photo: photo / 255, r"own/7: gave float64 \(96, 128, 3\), promised is uint8"),
        (lambda photo: photo[..., 0], r"own/7: gave uint8 \(96, 128\)"),
        (lambda photo: photo[..., :2], r"own/7: gave uint8 \(96, 128, 2\)"),
        (lambda photo: None, "own/7: gave NoneType"),
    ],
)
def test_a_degradation_that_fails_on_a_plain_photo_is_refused(apply: object, reason: str) -> None:
    rehearse(controls())
    with pytest.raises(UsageError, match=f"^degradation {reason}"):
        rehearse([*controls(), *own(apply)])


class Judge:
    """Answers with ``encoding`` a picture and with ``answer`` a pair."""

    def __init__(self, encoding: torch.Tensor, answer: torch.Tensor) -> None:
        self.encoding, self.answer = encoding, answer

    def prepare(self, photo: Photo) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(photo))

    def encode(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.encoding.expand(len(inputs), *self.encoding.shape)

    def margin(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.answer.expand(len(first), *self.answer.shape)


@pytest.mark.parametrize(
    ("encoding", "answer", "reason"),
    [
        (torch.zeros(()), torch.zeros(()), r"encode gave shape \(2,\) for 2 pictures, promised is \(2, d\)"),
        (torch.zeros(3, 3), torch.zeros(()), r"encode gave shape \(2, 3, 3\)"),
        (torch.zeros(3), torch.zeros(1), r"margin gave shape \(2, 1\) for 2 pairs, promised is \(2,\)"),
        (torch.full((3,), torch.nan), torch.zeros(()), "answers NaN or infinity on a plain photo"),
        (torch.zeros(3), torch.tensor(torch.inf), "answers NaN or infinity on a plain photo"),
    ],
)
def test_a_model_that_breaks_its_promise_is_refused_before_the_first_photo(
    encoding: torch.Tensor, answer: torch.Tensor, reason: str
) -> None:
    self_test(Judge(torch.zeros(3), torch.zeros(())), torch.device("cpu"))
    with pytest.raises(UsageError, match=f"^model Judge: {reason}"):
        self_test(Judge(encoding, answer), torch.device("cpu"))
