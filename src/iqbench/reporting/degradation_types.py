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
    "avif": "AVIF compression",
    "color_cast": "colour cast",
    "denoise": "denoising smear",
    "desaturate": "loss of colour",
    "jpeg2000": "JPEG 2000 compression",
    "oversharpen": "over-sharpening",
    "pixelate": "pixelation",
    "posterize": "posterization",
    "rescale": "lost resolution",
    "webp": "WebP compression",
    "remove_subject": "a removed subject",
    "change_background": "a changed background",
}
"""Types whose name says less than these words. Any other is its name, with spaces for underscores."""


def type_order(summary: Summary) -> list[str]:
    """Return the degradation types of a run: the standard ones as published, then any others by name."""
    types = {kind for model in summary.models.values() for kind in model.by_degradation}
    return [kind for kind in STANDARD_TYPES if kind in types] + sorted(types.difference(STANDARD_TYPES))


def type_in_words(kind: str) -> str:
    """Return a degradation type as a photographer would say it.

    Example:
        >>> type_in_words("crop_edge"), type_in_words("motion_blur")
        ('a cut-off edge', 'motion blur')
    """
    return TYPES.get(kind) or one_line(kind).replace("_", " ")
