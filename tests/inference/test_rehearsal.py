"""The rehearsal of a model on photos of the run."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.errors import UsageError
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.rehearsal import PATIENCE, rehearse_model
from iqbench.interfaces import Photo, PhotoFile

ENGINE = EngineConfig.for_api("cpu", batch_size=4, workers=0)


class Model:
    """Answers with ``encoding`` a picture and with ``answer`` a pair; remembers the sizes of the photos."""

    def __init__(self, encoding: torch.Tensor, answer: torch.Tensor) -> None:
        self.encoding, self.answer = encoding, answer
        self.sizes: list[tuple[int, ...]] = []

    def prepare(self, photo: Photo) -> torch.Tensor:
        self.sizes.append(photo.shape[:2])
        return torch.from_numpy(photo).float()

    def encode(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.encoding.expand(len(inputs), *self.encoding.shape)

    def margin(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.answer.expand(len(first), *self.answer.shape)


@pytest.mark.parametrize(
    ("encoding", "answer", "reason"),
    [
        (torch.zeros(()), torch.zeros(()), r"encode gave shape \(1,\) for n = 1 pictures"),
        (torch.zeros(3, 3), torch.zeros(()), r"encode gave shape \(1, 3, 3\)"),
        (torch.zeros(3), torch.zeros(1), r"margin gave shape \(1, 1\) for n = 1 pairs"),
        (torch.full((3,), torch.nan), torch.zeros(()), "the model's encoding holds NaN or infinity"),
        (torch.zeros(3), torch.tensor(torch.inf), "the model's margin is NaN or infinity"),
    ],
)
def test_a_model_that_breaks_its_promise_is_refused_before_the_first_photo(
    encoding: torch.Tensor, answer: torch.Tensor, reason: str, files: list[PhotoFile]
) -> None:
    rehearse_model(Model(torch.zeros(3), torch.zeros(())), ENGINE, files)
    with pytest.raises(UsageError, match=f"^model Model: {reason}"):
        rehearse_model(Model(encoding, answer), ENGINE, files)


def test_it_sees_a_photo_of_the_run_in_its_size_and_a_quarter_of_it(files: list[PhotoFile]) -> None:
    model = Model(torch.zeros(3), torch.zeros(()))
    picture = rehearse_model(model, ENGINE, files)
    assert model.sizes == [(60, 80), (30, 40)]
    assert picture is not None
    assert picture.shape == (60, 80, 3)


class OnlyTall(Model):
    def prepare(self, photo: Photo) -> torch.Tensor:
        if photo.shape[0] <= 64:
            self.sizes.append(photo.shape[:2])
            raise KeyError("wide")
        return super().prepare(photo)


def test_the_next_photo_is_tried_where_a_model_fails_on_one(files: list[PhotoFile]) -> None:
    files[0].path.write_bytes(b"")
    picture = rehearse_model(OnlyTall(torch.zeros(3), torch.zeros(())), ENGINE, files)
    assert picture is not None
    assert picture.shape == (81, 53, 3)


def test_a_model_is_refused_after_a_few_of_many_photos(tmp_path: Path) -> None:
    files = []
    for number in range(100):
        path = tmp_path / f"{number}.png"
        Image.fromarray(noisy_gradient(40, 40, seed=number)).save(path)
        files.append(PhotoFile(f"./{path.name}", path))
    model = OnlyTall(torch.zeros(3), torch.zeros(()))
    text = (
        r"KeyError: 'wide' in test_rehearsal\.py, line \d+ \(prepare_error of \./0\.png and of 3 others; no photo has"
    )
    with pytest.raises(UsageError, match=text):
        rehearse_model(model, ENGINE, files)
    assert len(model.sizes) == 2 * PATIENCE
