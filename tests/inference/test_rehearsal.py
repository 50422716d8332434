"""The self-test of a model before its first photo."""

import numpy as np
import pytest
import torch

from iqbench.errors import UsageError
from iqbench.inference.self_test import self_test
from iqbench.interfaces import Photo


class Model:
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
        (torch.full((3,), torch.nan), torch.zeros(()), "gives NaN or infinity on a synthetic photo"),
        (torch.zeros(3), torch.tensor(torch.inf), "gives NaN or infinity on a synthetic photo"),
    ],
)
def test_a_model_that_breaks_its_promise_is_refused_before_the_first_photo(
    encoding: torch.Tensor, answer: torch.Tensor, reason: str
) -> None:
    self_test(Model(torch.zeros(3), torch.zeros(())), torch.device("cpu"))
    with pytest.raises(UsageError, match=f"^model Model: {reason}"):
        self_test(Model(encoding, answer), torch.device("cpu"))
