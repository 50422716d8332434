"""Several inputs in one tensor of bytes."""

import pytest
import torch

from iqbench.models.packed_inputs import MAX_DIMENSIONS, TYPES, pack, unpacked


def numbered(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_type_comes_back_behind_an_odd_number_of_bytes(dtype: torch.dtype) -> None:
    odd, other = numbered(3, dtype=torch.uint8), numbered(2, 3, dtype=dtype)
    ((rows, packed),) = unpacked(torch.stack([pack([odd, other]), pack([odd + 1, other + other])]))
    assert rows.tolist() == [0, 1]
    first, second = packed
    assert torch.equal(first, torch.stack([odd, odd + 1]))
    assert second.dtype == dtype
    assert torch.equal(second, torch.stack([other, other + other]))


def test_shapes_with_and_without_sides_come_back() -> None:
    parts = [torch.tensor(5.0), torch.zeros(0, 4), numbered(2, 1, 2)]
    ((_, packed),) = unpacked(pack(parts).unsqueeze(0))
    assert [part.shape for part in packed] == [(1,), (1, 0, 4), (1, 2, 1, 2)]
    assert packed.part(0).tolist() == [5.0]


def test_inputs_of_as_many_bytes_but_other_shapes_are_kept_apart_with_their_rows() -> None:
    wide, tall = numbered(2, 3, dtype=torch.uint8), numbered(3, 2, dtype=torch.uint8)
    batch = torch.stack([pack([wide]), pack([tall]), pack([wide + 1])])
    found = {tuple(packed.part(0).shape): rows.tolist() for rows, packed in unpacked(batch)}
    assert found == {(2, 2, 3): [0, 2], (1, 3, 2): [1]}


def test_a_part_has_memory_of_its_own() -> None:
    batch = pack([numbered(4)]).unsqueeze(0)
    ((_, packed),) = unpacked(batch)
    packed.part(0).zero_()
    assert packed.part(0).tolist() == [[0.0, 1.0, 2.0, 3.0]]


def test_what_has_too_many_sides_or_another_type_is_refused() -> None:
    for part in (torch.zeros([1] * (MAX_DIMENSIONS + 1)), torch.zeros(1, dtype=torch.complex64)):
        with pytest.raises(ValueError, match="cannot be one of several inputs"):
            pack([part])
