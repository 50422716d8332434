"""Names of models that share one: short, unique, and the same every time."""

import pytest

from iqbench.results.distinct_names import Namesake, distinct_names


def named(*settings: dict[str, object], marks: str = "abcdefgh") -> list[str]:
    """Return the names of models called m, each with a mark of its own."""
    return distinct_names([Namesake("m", each, mark * 12) for each, mark in zip(settings, marks, strict=False)])


def test_a_name_of_one_model_stays_as_it_is_however_often_it_ran() -> None:
    items = [Namesake("m", {"size": 1}, "a"), Namesake("m", {"size": 1}, "a"), Namesake("n", {}, "a")]
    assert distinct_names(items) == ["m", "m", "n"]
    assert distinct_names([]) == []


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ([{"checkpoint": "a.ckpt"}, {"checkpoint": "x/b.ckpt"}], ["m@a.ckpt", "m@b.ckpt"]),
        ([{"checkpoint": "r/1/last.ckpt"}, {"checkpoint": "r/2/last.ckpt"}], ["m@1/last.ckpt", "m@2/last.ckpt"]),
        (
            [{"checkpoint": f"/r/{run}/checkpoints/last.ckpt"} for run in "12"],
            ["m@1/.../last.ckpt", "m@2/.../last.ckpt"],
        ),
        ([{"checkpoint": "last.ckpt"}, {"checkpoint": "2/last.ckpt"}], ["m@last.ckpt", "m@2/last.ckpt"]),
        ([{"checkpoint": "C:\\r\\1\\a.ckpt"}, {"checkpoint": "C:\\r\\2\\a.ckpt"}], ["m@1/a.ckpt", "m@2/a.ckpt"]),
        ([{"checkpoint": "reference"}, {"checkpoint": "untrained"}], ["m@reference", "m@untrained"]),
        ([{"rule": "pad", "size": 3}, {"rule": "squash", "size": 3}], ["m@rule=pad", "m@rule=squash"]),
        ([{"net": {"depth": 1}}, {"net": {"depth": 2}}], ["m@net.depth=1", "m@net.depth=2"]),
        ([{"net": {"file": "a/w.pt"}}, {"net": {"file": "b/w.pt"}}], ["m@net.file=a/w.pt", "m@net.file=b/w.pt"]),
        ([{"_target_": "mine.A"}, {"_target_": "mine.B"}], ["m@A", "m@B"]),
        ([{"x": 1}, {}], ["m@x=1", "m@x="]),
    ],
)
def test_what_differs_stands_behind_the_name(settings: list[dict[str, object]], names: list[str]) -> None:
    assert named(*settings) == names


def test_a_checkpoint_says_more_than_the_settings_that_come_with_it_and_one_setting_than_two() -> None:
    settings = ({"backbone": "a", "checkpoint": "1.ckpt"}, {"backbone": "b", "checkpoint": "2.ckpt"})
    assert named(*settings) == ["m@1.ckpt", "m@2.ckpt"]
    settings_of_two = [{"a": a, "b": b, "same": 0} for a, b in ((1, 1), (1, 2), (2, 1))]
    assert named(*settings_of_two) == ["m@a=1,b=1", "m@a=1,b=2", "m@a=2,b=1"]


def test_what_the_settings_do_not_tell_apart_is_told_by_the_mark() -> None:
    assert named({"checkpoint": "a.ckpt"}, {"checkpoint": "a.ckpt"}) == ["m@aaaaaaaa", "m@bbbbbbbb"]
    settings = ({"checkpoint": "a.ckpt"}, {"checkpoint": "a.ckpt"}, {"checkpoint": "b.ckpt"})
    assert named(*settings) == ["m@a.ckpt@aaaaaaaa", "m@a.ckpt@bbbbbbbb", "m@b.ckpt"]
    long = ({"prompt": f"{'x' * 99}{end}"} for end in "12")
    first, second = named(*long)
    assert first != second
    assert max(map(len, (first, second))) < 80


def test_each_model_has_the_same_name_in_any_order() -> None:
    settings = [{"checkpoint": f"{run}/{name}.ckpt"} for run in "12" for name in ("last", "best")]
    names = named(*settings)
    assert len(set(names)) == 4
    assert named(*settings[::-1], marks="dcba") == names[::-1]
