"""Degradation types in reports: their order, and their names in the words of a photographer."""

from iqbench.reporting.text_format import one_line
from iqbench.results.summary import Summary

STANDARD_TYPES = ("jpeg", "crop_edge", "crop_aspect", "crop_center", "crop_corner", "blur", "exposure")
"""The order of the published table."""

MOST_COLUMNS = 10
"""Types up to which a table has a column for each; of more, each has a row."""

TYPES = {
    "exposure": "exposure",
    "crop_edge": "a cut-off edge",
    "crop_corner": "a crop to one corner",
    "crop_aspect": "a changed shape",
    "crop_center": "a crop to the middle",
    "jpeg": "JPEG compression",
    "blur": "blur",
}
"""The types of the standard suite in words."""


def type_order(summary: Summary) -> list[str]:
    """Return the degradation types of a run: the standard ones as published, then any others by name."""
    types = {kind for model in summary.models.values() for kind in model.by_degradation}
    return [kind for kind in STANDARD_TYPES if kind in types] + sorted(types.difference(STANDARD_TYPES))


def type_in_words(kind: str) -> str:
    """Return a degradation type as a photographer would say it; an unknown one keeps its name.

    Example:
        >>> type_in_words("crop_edge"), type_in_words("film grain")
        ('a cut-off edge', 'film grain')
    """
    return TYPES.get(kind) or one_line(kind)
