"""Whether two runs mean the same damage by the same variant."""

import pytest

from iqbench.results.compatibility import damage_difference

BASE = {
    "degradation": {"noise": {"_target_": "mine.noise", "std": [5, 10], "seed": 0}},
    "variants": {"noise/5": "a", "noise/10": "b"},
    "versions": {"numpy": "2.0"},
}


def changed(**settings: object) -> dict[str, object]:
    return BASE | {"degradation": {"noise": BASE["degradation"]["noise"] | settings}}


@pytest.mark.parametrize(
    "other",
    [
        BASE,
        changed(std=[5]),
        BASE | {"variants": {"noise/5": "a", "noise/20": "c"}},
        BASE | {"degradation": {"blur": {"sigma": [1]}}, "variants": {"blur/1.0": "d"}},
        {key: value for key, value in BASE.items() if key != "variants"},  # a run of iqbench 0.1
        BASE | {"versions": {"numpy": "2.1"}},
    ],
)
def test_levels_types_and_versions_may_differ(other: dict[str, object]) -> None:
    assert damage_difference(BASE, other) == ""
    assert damage_difference(other, BASE) == ""


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (changed(seed=1), "degradation.noise.seed (0, not 1)"),
        (changed(_target_="other.noise"), "degradation.noise._target_ (mine.noise, not other.noise)"),
        (changed(std=5), "degradation.noise.std ([5, 10], not 5)"),
        (BASE | {"variants": {"noise/10": "x"}}, "degradation.noise: noise/10 makes another picture"),
        (
            BASE | {"variants": {"noise/10": "x"}, "versions": {"numpy": "2.1"}},
            "degradation.noise: noise/10 makes another picture (numpy 2.0, not 2.1)",
        ),
        (changed(seed=1) | {"variants": {"noise/10": "x"}}, "degradation.noise.seed (0, not 1)"),
    ],
)
def test_the_setting_that_differs_is_named_else_the_variant(other: dict[str, object], difference: str) -> None:
    assert damage_difference(BASE, other) == difference
