"""Pictures that are put in stacks are encoded in batches of one size, in their order, each as if it came alone."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from iqbench.inference.batching import Batcher, Encoded, compare, compare_each, each_on_host, on_host
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.interfaces import Photo

Answers = dict[tuple[str, int], float | str]


class Numbers(nn.Module):
    """A network whose encoding of a number is the number; it keeps what each batch held, and cannot stand some."""

    def __init__(self, *unloved: float) -> None:
        super().__init__()
        self.batches: list[list[float]] = []
        self.unloved = unloved

    def prepare(self, photo: Photo) -> Tensor:
        return torch.from_numpy(np.asarray(photo[0, 0], np.float32))

    def encode(self, inputs: Tensor) -> Tensor:
        given = inputs[:, 0].tolist()
        self.batches.append(given)
        if any(number in self.unloved for number in given):
            raise ValueError("unloved")
        answer = inputs.clone()
        inputs.zero_()
        return answer

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        if any(number in self.unloved for number in first[:, 0].tolist()):
            raise ValueError("unloved")
        return (first - second)[:, 0]


def numbers(start: int, count: int, width: int = 2) -> Tensor:
    return torch.arange(start, start + count, dtype=torch.float32).unsqueeze(1).repeat(1, width)


def taken(found: Iterable[Encoded[str]]) -> Answers:
    answers: Answers = {}
    for tag, start, answer in found:
        if isinstance(answer, Failure):
            answers[tag, start] = answer.status
        else:
            answers |= {(tag, start + at): row[0].item() for at, row in enumerate(answer)}
    return answers


def put(model: Numbers, stacks: dict[str, Tensor], size: int = 4) -> Answers:
    batcher: Batcher[str] = Batcher(model, EngineConfig.for_api("cpu", batch_size=size, workers=0))
    with batcher:
        found = [each for tag, stack in stacks.items() for each in batcher.put(tag, stack)]
        return taken([*found, *batcher.flush()])


def test_stacks_are_cut_into_batches_of_one_size_in_their_order() -> None:
    model = Numbers()
    answers = put(model, {"a": numbers(0, 3), "b": numbers(10, 6), "c": numbers(20, 1)})
    assert sorted(model.batches) == [[0, 1, 2, 10], [11, 12, 13, 14], [15, 20, 20, 20]]
    assert answers == {
        **{("a", at): at for at in range(3)},
        **{("b", at): 10 + at for at in range(6)},
        ("c", 0): 20,
    }


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_a_stack_is_answered_as_its_pictures_alone(size: int) -> None:
    whole, alone = Numbers(3), Numbers(3)
    answers = put(whole, {"a": numbers(0, 7)}, size)
    each = put(alone, {str(at): numbers(at, 1) for at in range(7)}, size)
    assert answers == {("a", int(tag)): answer for (tag, _), answer in each.items()}
    assert sorted(whole.batches) == sorted(alone.batches)


@pytest.mark.parametrize("unloved", range(6))
def test_one_that_fails_costs_its_own_answer_wherever_it_lies(unloved: int) -> None:
    answers = put(Numbers(unloved), {"a": numbers(0, 2), "b": numbers(2, 4)})
    expected: Answers = {("a", 0): 0, ("a", 1): 1, ("b", 0): 2, ("b", 1): 3, ("b", 2): 4, ("b", 3): 5}
    place = ("a", unloved) if unloved < 2 else ("b", unloved - 2)
    assert answers == expected | {place: "model_error"}


def test_each_shape_has_batches_of_its_own() -> None:
    model = Numbers()
    answers = put(model, {"wide": numbers(0, 2, width=3), "narrow": numbers(10, 2)})
    assert sorted(model.batches) == [[0, 1, 1, 1], [10, 11, 11, 11]]
    narrow = {place: answer for place, answer in answers.items() if place[0] == "narrow"}
    assert narrow == {("narrow", 0): "model_error", ("narrow", 1): "model_error"}, "an encoding has one length"


def test_the_pictures_that_were_put_stay_as_they_are() -> None:
    stack = numbers(0, 8)
    put(Numbers(), {"a": stack})
    assert torch.equal(stack, numbers(0, 8))


def test_margins_are_those_of_each_pair_and_a_failure_is_of_one() -> None:
    model = Numbers(2)
    first, second = numbers(0, 4), numbers(0, 4) / 2
    answers = compare_each(model.margin, first, second)
    assert [answer if isinstance(answer, float) else answer.status for answer in answers] == [
        0,
        0.5,
        "model_error",
        1.5,
    ]


def test_several_answers_come_to_the_host_each_in_its_place() -> None:
    model = Numbers(2)
    asked = [compare(model.margin, numbers(start, 2), numbers(0, 2)) for start in (4, 1, 6)]
    found = [[each if isinstance(each, float) else each.status for each in answer] for answer in on_host(asked)]
    assert found == [[4, 4], [1, "model_error"], [6, 6]]
    assert on_host([]) == []


def test_encodings_come_to_the_host_as_rows_and_what_is_not_finite_is_a_failure() -> None:
    answers = [
        Encoded("a", 0, torch.tensor([[1.0, 2.0], [3.0, torch.inf]])),
        Encoded("b", 4, Failure("model_error", "unloved")),
        Encoded("a", 2, torch.tensor([[5.0, 6.0]])),
    ]
    found = [
        (*where, each.tolist() if isinstance(each, Tensor) else each.status) for *where, each in each_on_host(answers)
    ]
    assert found == [("a", 0, [1, 2]), ("a", 1, "nonfinite"), ("b", 4, "model_error"), ("a", 2, [5, 6])]
    assert list(each_on_host([])) == []
