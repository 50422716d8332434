"""Variants drawn at random."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from omegaconf import DictConfig

from fixtures.photos import noisy_gradient
from iqbench.config import build, compose
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.crop import crop_corner_ladders
from iqbench.degradations.drawn import MIXED, Kind, all_levels, drawn_amounts, drawn_variants, strength
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.jpeg import jpeg_ladder
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.degradations.posterize import posterize_ladder

BLUR = Kind("blur", partial(blur_ladder, sigma=[1, 2, 4, 8]))
JPEG = Kind("jpeg", partial(jpeg_ladder, quality=[80, 60, 10]))
CORNER = Kind("crop_corner", partial(crop_corner_ladders, corner=["top_left", "bottom_right"], keep=[0.7, 0.6]))
EXPOSURE = Kind("exposure", partial(exposure_ladders, stops=[-2, -1, 1, 2], light="encoded"))
KINDS = [BLUR, JPEG, CORNER, EXPOSURE]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(20))
def test_amounts_lie_between_those_of_the_config_on_both_sides_of_zero(seed: int) -> None:
    amounts = drawn_amounts([-2, -1, 1, 4], 5, False, generator(seed))
    below, above = [a for a in amounts if a < 0], [a for a in amounts if a > 0]
    assert 3 <= len(below) <= 5  # amounts of three digits may be drawn twice
    assert 3 <= len(above) <= 5
    assert all(-2 <= amount <= -1 for amount in below)
    assert all(1 <= amount <= 4 for amount in above)


def test_each_step_between_two_levels_is_equally_likely() -> None:
    amounts = [drawn_amounts([1, 2, 4, 8], 1, False, generator(seed))[0] for seed in range(3000)]
    shares = np.histogram(amounts, [1, 2, 4, 8])[0] / 3000
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)
    assert min(amounts) < 1.01
    assert max(amounts) > 7.9


def test_whole_numbers_stay_whole_and_any_number_between_is_drawn() -> None:
    amounts = {amount for seed in range(300) for amount in drawn_amounts([5, 10], 1, True, generator(seed))}
    assert amounts == {5, 6, 7, 8, 9, 10}
    assert all(isinstance(amount, int) for amount in amounts)


@pytest.mark.parametrize("make", [partial(jpeg_ladder, quality=[80, 10]), partial(posterize_ladder, tones=[24, 5])])
def test_a_setting_of_whole_numbers_gets_whole_numbers(make: "partial[Degradation]") -> None:
    kind = Kind("kind", make)
    amounts = [d.variant.amount for seed in range(20) for d in kind.drawn(["kind"], 2, generator(seed))]
    assert amounts == [round(amount) for amount in amounts if amount is not None]
    assert len(set(amounts)) > 4


def test_a_setting_that_may_have_fractions_gets_fractions_although_the_config_has_none() -> None:
    (damaged,) = BLUR.drawn(["blur"], 1, generator())
    assert damaged.variant.amount != round(damaged.variant.amount or 0)


def test_levels_without_a_number_are_kept_and_some_of_them_chosen() -> None:
    def weather_ladder(levels: list[str]) -> Degradation:
        return Degradation("technical", [Ladder("", [Level(name, np.copy) for name in levels])])

    kind = Kind("rain", partial(weather_ladder, levels=["drizzle", "heavy", "torrential"]))
    drawn = [tuple(d.variant.level for d in kind.drawn(["rain"], 2, generator(seed))) for seed in range(30)]
    assert set(drawn) == {("drizzle", "heavy"), ("drizzle", "torrential"), ("heavy", "torrential")}
    assert [d.strength for d in kind.drawn(["rain"], 3, generator())] == pytest.approx([1 / 3, 2 / 3, 1])


@pytest.mark.parametrize(
    ("kind", "amounts", "expected"),
    [
        (BLUR, {"sigma": [1, 3, 8]}, [0.25, 0.625, 1.0]),
        (JPEG, {"quality": [80, 70, 10]}, [1 / 3, 0.5, 1.0]),
        (CORNER, {"keep": [0.65], "corner": ["top_left"]}, [0.75]),
        (EXPOSURE, {"stops": [-1.5, 1.25]}, [0.75, 0.625]),
    ],
)
def test_the_strength_is_the_place_between_the_levels(
    kind: Kind, amounts: dict[str, list[float]], expected: list[float]
) -> None:
    variants = suite({kind.type: kind.make(**amounts)})
    assert [strength(kind.ladders[variant.ladder], variant) for variant in variants] == pytest.approx(expected)


def test_with_the_levels_of_the_config_the_strength_is_the_severity() -> None:
    assert [d.strength for d in all_levels(BLUR)] == [0.25, 0.5, 0.75, 1.0]
    assert [d.variant.key for d in all_levels(BLUR)] == [v.key for v in suite({"blur": BLUR.degradation})]


@pytest.mark.parametrize("seed", range(10))
def test_a_draw_has_so_many_ladders_levels_and_mixtures(seed: int) -> None:
    drawn = drawn_variants(KINDS, ladders=3, levels=2, mixed=4, generator=generator(seed))
    single = [d for d in drawn if d.variant.type != MIXED]
    mixtures = [d for d in drawn if d.variant.type == MIXED]
    assert len({d.variant.ladder for d in single}) == 3
    assert 3 <= len(single) <= 6  # quality 60 may be drawn twice
    assert len({d.variant.ladder for d in mixtures}) == len(mixtures) == 4
    for mixture in mixtures:
        assert 2 <= len(set(mixture.types)) == len(mixture.types) <= 4
    for ladder in {d.variant.ladder for d in single}:
        of_ladder = [d for d in single if d.variant.ladder == ladder]
        assert [d.variant.severity for d in of_ladder] == list(range(1, len(of_ladder) + 1))
        assert sorted(d.strength for d in of_ladder) == [d.strength for d in of_ladder]


def test_every_ladder_is_drawn_equally_often() -> None:
    drawn = [d for seed in range(600) for d in drawn_variants(KINDS, 2, 1, 0, generator(seed))]
    ladders = [d.variant.ladder for d in drawn]
    assert sorted(set(ladders)) == sorted(name for kind in KINDS for name in kind.ladders)
    for name in set(ladders):
        assert ladders.count(name) == pytest.approx(1200 / 6, rel=0.25)


def test_a_mixture_does_one_damage_after_the_other() -> None:
    photo = noisy_gradient(40, 60)
    for seed in range(5):
        (mixture,) = drawn_variants([JPEG, EXPOSURE, CORNER], 0, 1, 1, generator(seed))
        made = {
            d.variant.key: d.variant for kind in (JPEG, EXPOSURE, CORNER) for d in _anew(kind, mixture.variant.level)
        }
        expected = photo
        for key in mixture.variant.level.split("+"):
            expected = made[key].picture(expected, None)
        assert np.array_equal(mixture.variant.picture(photo, None), expected)
        left = np.prod([1 - strength(_ladder(made[key]), made[key]) for key in mixture.variant.level.split("+")])
        assert mixture.strength == pytest.approx(1 - left)


def _anew(kind: Kind, name: str) -> list:
    """The variants of a kind with the amounts that a mixture's name tells."""
    parts = [key.split("/")[1] for key in name.split("+") if key.startswith(f"{kind.type}/")]
    if kind is CORNER:
        amounts = {"keep": [float(part.split("_")[-1].removesuffix("pct")) / 100 for part in parts]}
    else:
        amounts = {"quality" if kind is JPEG else "stops": [float(part) for part in parts]}
    amounts = {key: [round(a) for a in values] if kind is JPEG else values for key, values in amounts.items()}
    return all_levels(Kind(kind.type, partial(kind.make, **amounts))) if parts else []


def _ladder(variant) -> Ladder:
    (kind,) = [kind for kind in KINDS if kind.type == variant.type]
    return kind.ladders[variant.ladder]


def test_the_same_generator_draws_the_same() -> None:
    first, second = (drawn_variants(KINDS, 4, 2, 2, generator(3)) for _ in range(2))
    assert [d.variant.key for d in first] == [d.variant.key for d in second]
    assert [d.variant.key for d in first] != [d.variant.key for d in drawn_variants(KINDS, 4, 2, 2, generator(4))]


def kinds_of(suite_name: str) -> list[Kind]:
    nodes = compose("train", ["data=samples", "model=siamese", f"degradation={suite_name}"]).degradation
    return [Kind(str(name), build(DictConfig({**node, "_partial_": True}), name)) for name, node in nodes.items()]


TAUGHT = kinds_of("taught")


@pytest.mark.parametrize("kind", TAUGHT, ids=lambda kind: kind.type)
def test_every_kind_that_is_taught_can_be_drawn_and_made(kind: Kind) -> None:
    photo = noisy_gradient(130, 140)
    drawn = [damaged for seed in range(4) for damaged in kind.drawn(list(kind.ladders), 2, generator(seed))]
    amounts = {d.variant.amount for d in drawn} - {d.variant.amount for d in all_levels(kind)}
    assert amounts or kind.type == "rain"
    for damaged in drawn:
        picture = damaged.variant.picture(photo, None)
        assert picture.dtype == np.uint8
        assert not np.array_equal(picture, photo)
        assert 0 < damaged.strength <= 1


def test_the_kinds_that_are_taught_are_all_that_can_be_made_of_every_photo(every_kind: Callable[[], set[str]]) -> None:
    assert {kind.type for kind in TAUGHT} == every_kind()


@pytest.fixture
def every_kind() -> Callable[[], set[str]]:
    from iqbench.config import CONF_DIR

    def names() -> set[str]:
        singles = {path.stem for path in (CONF_DIR / "degradation").glob("*.yaml")}
        suites = {"standard", "extended", "camera", "imagenet_c", "taught"}
        return singles - suites - {"real", "remove_subject", "change_background"}

    return names
