"""Which pairs of different photos are compared."""

from collections import Counter

import pytest

from iqbench.benchmark.cross_pairs import PARTNERS, SAMPLE_SIZE, cross_sample, partners


@pytest.mark.parametrize(("photos", "others"), [(1, 0), (2, 1), (8, 7), (32, PARTNERS)])
def test_each_photo_is_as_often_the_original_as_the_copy_and_no_pair_is_there_twice(photos: int, others: int) -> None:
    names = [f"./{at}.jpg" for at in range(photos)]
    pairs = partners(names)
    assert len(set(pairs)) == len(pairs) == photos * others
    assert all(photo != original for photo, original in pairs)
    for side in (0, 1):
        assert set(Counter(pair[side] for pair in pairs).values()) <= {others}


def test_a_larger_set_keeps_the_sample_but_for_what_came_before_it() -> None:
    few, many = [f"./{at}.jpg" for at in range(50)], [f"./{at}.jpg" for at in range(60)]
    before, after = cross_sample(few), cross_sample(many[::-1])
    assert len(before) == len(after) == SAMPLE_SIZE
    kept = [name for name in before if name in after]
    assert [name for name in after if name in before] == kept == before[: len(kept)]
    assert set(after) - set(before) <= set(many) - set(few)
