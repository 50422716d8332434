from fixtures.label_tables import pair_table, vote_table
from iqbench.label_audit.leaks import Shared, copies, divided, pairs_of_copies, shared


def test_photos_are_shared_by_name_or_by_content_and_series_by_number():
    first = pair_table("1: a>b", "2: c>d")
    second = pair_table("2: d>e", "3: f>g")
    content = {"a": "A", "b": "B", "c": "C", "d": "D", "e": "A", "f": "F", "g": "B"}
    look = {"a": 1, "b": 2, "c": 3, "e": 1, "f": 3, "g": 9}
    assert shared(first, second, content, look) == Shared(
        photos=["d"], copies=[("a", "e"), ("b", "g")], near_copies=[("c", "f")], series=[2]
    )


def test_a_photo_of_unknown_content_is_no_copy():
    assert shared(vote_table(a=5), vote_table(b=5), {}, {}) == Shared([], [], [], [])


def test_copies_name_the_first_photo_of_the_same_content():
    table = vote_table(a=5, b=5, c=5, d=5)
    assert copies(table, {"a": "A", "b": "B", "c": "A", "d": "A"}) == [("a", "c"), ("a", "d")]


def test_a_photo_compared_with_its_own_copy_is_counted():
    table = pair_table("a>b", "a>c", "c>d")
    assert pairs_of_copies(table, {"a": "A", "b": "A", "c": "C", "d": "D"}) == 1
    assert pairs_of_copies(table, {}) == 0


def test_a_series_that_holds_half_of_the_pairs_was_divided_on_purpose():
    small, large = pair_table("1: a>b", "2: c>d", "3: e>f"), pair_table("1: g>h", "1: h>i", "4: j>k")
    assert divided(small, large)
    assert not divided(small, pair_table("1: g>h", "5: h>i", "4: j>k"))
    assert not divided(small, pair_table("7: g>h"))
