"""People's opinion of a level: which levels have one, and between which it is interpolated."""

import math

import pytest

from fixtures.verdict_tables import frame, row, summarized
from iqbench.config import build, compose
from iqbench.degradations.ladder import suite
from iqbench.reporting.ladder_panels import panels_of
from iqbench.reporting.opinions import _table, opinion


def test_opinions_fall_as_damage_grows_and_lie_in_their_intervals() -> None:
    for (kind, _), rated in _table().items():
        milder_first = sorted(rated, reverse=kind == "jpeg")
        values = [rated[amount][0] for amount in milder_first]
        assert values == sorted(values, reverse=True), kind
        assert all(1 <= low < value < high <= 5 for value, low, high in rated.values()), kind


def test_a_rated_level_is_given_as_it_is_and_one_between_lies_between() -> None:
    exact = opinion("jpeg", "quality", "24")
    assert exact is not None
    assert (str(exact), exact.interpolated) == ("3.9", False)
    between = opinion("jpeg", "quality", "20")
    assert between is not None
    share = math.log(20 / 7) / math.log(24 / 7)
    assert between.value == pytest.approx(2.05 + share * (3.91 - 2.05))
    assert between.interval[0] < between.value < between.interval[1]
    assert str(between).startswith("≈")


@pytest.mark.parametrize(
    ("ladder", "unit", "level"),
    [
        ("jpeg", "quality", "80"),  # milder than any that was rated
        ("blur", "px", "8.0"),  # harsher
        ("blur", "frames", "2"),  # somebody's own damage of that name
        ("motion_blur", "px", "6"),  # another function than KADID-10k's
        ("jpeg", "quality", "low"),
    ],
)
def test_nothing_is_said_of_what_people_did_not_rate(ladder: str, unit: str, level: str) -> None:
    assert opinion(ladder, unit, level) is None


@pytest.mark.parametrize("name", ["blur", "jpeg", "noise", "jpeg2000"])
def test_the_table_knows_the_units_of_the_configs(name: str) -> None:
    node = compose("bench", [f"degradation={name}", "name=test", "out=nowhere"]).degradation[name]
    variants = suite({name: build(node, name)})
    assert any(opinion(variant.ladder, variant.unit, variant.level) for variant in variants)


def test_a_panel_has_the_opinions_of_its_levels() -> None:
    rows = [
        row("a", f"./{photo}.png", "blur", level, 1.0, ladder="blur", unit="px", severity=severity, amount=float(level))
        for photo in range(6)
        for severity, level in enumerate(["2.0", "8.0"], start=1)
    ]
    (panel,) = panels_of(summarized(frame(rows)))
    assert {severity: str(known) for severity, known in panel.opinions.items()} == {1: "1.9"}
