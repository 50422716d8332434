"""Levels of damage in the words of a photographer.

The standard suite and semantic damage have phrases of their own. Any other kind is named by its type, its direction,
and its amount in its ladder's unit, so a new kind needs no words here.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from iqbench.reporting.degradation_types import type_in_words
from iqbench.reporting.text_format import one_line

NUMBERS = ("no", "one", "two", "three", "four", "five")
SHARES = {Fraction(1, 10): "a tenth", Fraction(1, 5): "a fifth", Fraction(1, 4): "a quarter", Fraction(1, 2): "half"}

STRONG_JPEG, LIGHT_JPEG = 20, 75
"""Qualities up to which a compression is called strong, and from which it is called light."""

STRONG_BLUR, SLIGHT_BLUR = 4.0, 1.0
"""Standard deviations in pixels from which a blur is called strong, and up to which it is called slight."""

SCALES = ("ImageNet-C level", "quality", "strength", "optical depth", "shot noise")
"""Units that stand before the number, because they name a scale."""

NUMBER = r"(\d+(?:\.\d+)?)"

SUBJECT = {"33": "a third of the subject", "50": "half of the subject", "67": "two thirds of the subject"}
BACKGROUNDS = {"blurred": "a blurred background", "plain": "a plain background", "other": "another photo's background"}

SIDES = {"right": "on the right", "left": "on the left", "top": "at the top", "bottom": "at the bottom"}
CORNERS = r"(?:top|bottom)_(?:left|right)"


def damage_in_words(ladder: str, level: str, unit: str | None = None) -> str:
    """Return a level of a ladder as a photographer would say it.

    Args:
        ladder: The ladder, such as ``exposure/brighter``.
        level: The level in it, such as ``1``.
        unit: The unit of its amount, if it is known. With another unit than that of the phrase it is somebody's own
            degradation of the same name, which keeps its names.

    Example:
        >>> damage_in_words("exposure/brighter", "1"), damage_in_words("exposure/darker", "-1.5")
        ('one stop brighter', '1.5 stops darker')
        >>> damage_in_words("crop_edge/right", "right_20pct")
        'a fifth cut off on the right'
        >>> damage_in_words("remove_subject", "33pct"), damage_in_words("change_background/other", "other")
        ('a third of the subject removed', "another photo's background")
        >>> damage_in_words("jpeg", "10"), damage_in_words("grain", "sigma_25")
        ('strong JPEG compression (quality 10)', 'grain (sigma_25)')
        >>> damage_in_words("motion_blur", "9", unit="px"), damage_in_words("tilt/clockwise", "clockwise_4", "degrees")
        ('motion blur (9 px)', 'tilt clockwise (4 degrees)')
        >>> damage_in_words("blur", "9", unit="frames")
        'blur (9 frames)'
    """
    kind, _, direction = ladder.partition("/")
    phrase = PHRASES.get(kind)
    if phrase and unit in (None, phrase.unit) and (match := re.fullmatch(phrase.level, level)):
        return phrase.words(*match.groups())
    name = type_in_words(kind) + (f" {one_line(direction)}" if direction else "")
    amount = re.fullmatch(rf"{NUMBER}(?:pct)?", level.removeprefix(f"{direction}_"))
    if not unit or amount is None:
        return f"{name} ({one_line(level)})"
    return f"{name} ({unit} {amount[1]})" if unit in SCALES else f"{name} ({amount[1]} {one_line(unit)})"


def _exposure(sign: str, stops: str) -> str:
    direction = "darker" if sign else "brighter"
    number = float(stops)
    if number == 0.5:
        return f"half a stop {direction}"
    counted = NUMBERS[int(number)] if number.is_integer() and number < len(NUMBERS) else f"{number:g}"
    return f"{counted} stop{'s' * (number != 1)} {direction}"


def _share(percent: str) -> str:
    return SHARES.get(Fraction(percent) / 100, f"{percent} %")


def _edge(side: str, percent: str) -> str:
    return f"{_share(percent)} cut off {SIDES[side]}"


def _corner(corner: str, percent: str) -> str:
    return f"cropped to the {corner.replace('_', ' ')} corner ({percent} % of each side)"


def _aspect(shape: str, percent: str) -> str:
    side = "width" if shape == "tall" else "height"
    return f"cropped to {percent} % of its {side}"


def _center(percent: str) -> str:
    return f"cropped to the middle ({percent} % of each side)"


def _jpeg(quality: str) -> str:
    strength = "strong " if int(quality) <= STRONG_JPEG else "light " if int(quality) >= LIGHT_JPEG else ""
    return f"{strength}JPEG compression (quality {quality})"


def _blur(sigma: str) -> str:
    number = float(sigma)
    strength = "strong " if number >= STRONG_BLUR else "slight " if number <= SLIGHT_BLUR else ""
    return f"{strength}blur ({number:g} px)"


def _removed(percent: str) -> str:
    subject = "the whole subject" if float(percent) == 100 else SUBJECT.get(percent, f"{percent} % of the subject")
    return f"{subject} removed"


class Phrase(NamedTuple):
    """The unit of a type's levels, the pattern of their names, and the phrase that its parts make."""

    unit: str
    level: str
    words: Callable[..., str]


PHRASES = {
    "exposure": Phrase("EV", rf"(-?){NUMBER}", _exposure),
    "crop_edge": Phrase("% removed", rf"(right|left|top|bottom)_{NUMBER}pct", _edge),
    "crop_corner": Phrase("% of a side kept", rf"({CORNERS})_{NUMBER}pct", _corner),
    "crop_aspect": Phrase("% of a side kept", rf"(tall|wide)_{NUMBER}pct", _aspect),
    "crop_center": Phrase("% of a side kept", rf"{NUMBER}pct", _center),
    "jpeg": Phrase("quality", r"(\d+)", _jpeg),
    "blur": Phrase("px", NUMBER, _blur),
    "remove_subject": Phrase("% removed", rf"{NUMBER}pct", _removed),
    "change_background": Phrase("", rf"({'|'.join(BACKGROUNDS)})", lambda kind: BACKGROUNDS[kind]),
}
"""The phrases of the standard suite and of semantic damage, by degradation type."""
