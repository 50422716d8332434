import pytest

from iqbench import config as configuration
from iqbench.config import compose
from iqbench.degradations.ladder import suite
from iqbench.errors import MissingResource
from iqbench.reporting.damage_words import damage_in_words


@pytest.mark.parametrize(
    ("ladder", "level", "words"),
    [
        ("exposure/brighter", "1", "one stop brighter"),
        ("exposure/darker", "-2", "two stops darker"),
        ("exposure/brighter", "0.5", "half a stop brighter"),
        ("exposure/darker", "-0.3", "0.3 stops darker"),
        ("crop_edge/right", "right_20pct", "a fifth cut off on the right"),
        ("crop_edge/left", "left_20pct", "a fifth cut off on the left"),
        ("crop_edge/top", "top_30pct", "30 % cut off at the top"),
        ("crop_edge/bottom", "bottom_30pct", "30 % cut off at the bottom"),
        ("crop_edge/bottom", "bottom_12.5pct", "12.5 % cut off at the bottom"),
        ("crop_corner/top_left", "top_left_70pct", "cropped to the top left corner (70 % of each side)"),
        ("crop_aspect/tall", "tall_60pct", "cropped to 60 % of its width"),
        ("crop_aspect/wide", "wide_50pct", "cropped to 50 % of its height"),
        ("crop_center", "60pct", "cropped to the middle (60 % of each side)"),
        ("jpeg", "10", "strong JPEG compression (quality 10)"),
        ("jpeg", "40", "JPEG compression (quality 40)"),
        ("jpeg", "80", "light JPEG compression (quality 80)"),
        ("blur", "1.0", "slight blur (1 px)"),
        ("blur", "8.0", "strong blur (8 px)"),
        ("remove_subject", "33pct", "a third of the subject removed"),
        ("remove_subject", "67pct", "two thirds of the subject removed"),
        ("remove_subject", "100pct", "the whole subject removed"),
        ("remove_subject", "12pct", "12 % of the subject removed"),
        ("remove_subject", "hole_33pct", "a removed subject (hole_33pct)"),
        ("change_background/blurred", "blurred", "a blurred background"),
        ("change_background/plain", "plain", "a plain background"),
        ("change_background/other", "other", "another photo's background"),
        ("noise", "10", "noise (10)"),
        ("rain/heavy\n", "<b>", "rain heavy (<b>)"),
        ("blur", "motion", "blur (motion)"),
        ("exposure/brighter", "much", "exposure brighter (much)"),
    ],
)
def test_a_level_is_told_as_a_photographer_says_it(ladder, level, words):
    assert damage_in_words(ladder, level) == words


@pytest.mark.parametrize(
    ("ladder", "level", "unit", "words"),
    [
        ("noise", "20", "grey levels", "noise (20 grey levels)"),
        ("color_cast/warm", "warm_60", "mired", "colour cast warm (60 mired)"),
        ("tilt/counterclockwise", "counterclockwise_2.5", "degrees", "tilt counterclockwise (2.5 degrees)"),
        ("desaturate", "50pct", "% of chroma kept", "loss of colour (50 % of chroma kept)"),
        ("avif", "12", "quality", "AVIF compression (quality 12)"),
        ("sensor_noise", "0.0015", "shot noise", "sensor noise (shot noise 0.0015)"),
        ("noise", "20", None, "noise (20)"),
        ("noise", "much", "grey levels", "noise (much)"),
        ("my_own", "3", "<b>\n", "my own (3 <b>)"),
    ],
)
def test_another_kind_of_damage_is_told_by_its_name_amount_and_unit(ladder, level, unit, words):
    assert damage_in_words(ladder, level, unit) == words


def test_somebodys_own_degradation_of_a_known_name_keeps_its_names():
    assert damage_in_words("exposure/brighter", "1", unit="minutes") == "exposure brighter (1 minutes)"


@pytest.mark.parametrize(
    "kind", [path.stem for path in sorted((configuration.CONF_DIR / "degradation").glob("*.yaml"))]
)
def test_every_level_of_every_config_has_words_of_its_own(kind):
    nodes = compose("bench", [f"degradation={kind}"]).degradation.items()
    try:
        variants = suite({kind: configuration.build(node, f"degradation.{kind}") for kind, node in nodes})
    except MissingResource as missing:
        pytest.skip(str(missing))
    variants = [variant for variant in variants if variant.group != "control"]
    words = [damage_in_words(variant.ladder, variant.level, variant.unit) for variant in variants]
    assert len(set(words)) == len(variants)
    assert not any("_" in text or "pct" in text for text in words)


def test_every_level_of_the_standard_suite_has_words_and_no_two_have_the_same():
    nodes = compose("bench", []).degradation.items()
    variants = suite({kind: configuration.build(node, f"degradation.{kind}") for kind, node in nodes})
    words = [damage_in_words(variant.ladder, variant.level, variant.unit) for variant in variants]
    assert len(set(words)) == len(variants) == 27
    assert not any("_" in text or "pct" in text for text in words)
