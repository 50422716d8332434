"""Compatibility of runs: whether two runs mean the same damage by the same variant."""

from collections.abc import Mapping
from typing import Any


def damage_difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Return the setting or variant by which two runs mean different damage; "" if they agree.

    A setting that holds a list chooses levels and may differ; every other setting that both runs have must
    agree. A variant that both runs have must make the same picture of the synthetic photo.

    Args:
        first: The identity of a run: ``degradation`` holds the settings of each type, ``variants`` the digest of
            each variant's picture (missing in runs of iqbench 0.1), ``versions`` those of the packages.
        second: The identity of the other run.

    Example:
        >>> first = {"degradation": {"noise": {"std": [5], "seed": 0}}, "variants": {"noise/5": "a1"}}
        >>> second = {"degradation": {"noise": {"std": [5, 9], "seed": 0}}, "variants": {"noise/5": "a1"}}
        >>> damage_difference(first, second)
        ''
        >>> damage_difference(first, {"degradation": {"noise": {"std": [5], "seed": 1}}})
        'degradation.noise.seed (0, not 1)'
        >>> damage_difference(first, {"variants": {"noise/5": "b2"}})
        'degradation.noise: noise/5 makes another picture'
        >>> listed = {"degradation": {"real": {"file": "pairs.csv"}}}
        >>> damage_difference(listed | {"variants": {"real/blur": "a1"}}, listed | {"variants": {"real/blur": "b2"}})
        'degradation.real: pairs.csv has more or other photos of real/blur, or one was replaced'
    """
    degradations, others = first.get("degradation", {}), second.get("degradation", {})
    for kind in sorted(degradations.keys() & others.keys()):
        settings, other = degradations[kind], others[kind]
        for key in sorted(settings.keys() & other.keys()):
            chooses_levels = isinstance(settings[key], list) and isinstance(other[key], list)
            if settings[key] != other[key] and not chooses_levels:
                return f"degradation.{kind}.{key} ({settings[key]}, not {other[key]})"
    digests, other_digests = first.get("variants", {}), second.get("variants", {})
    for variant in sorted(digests.keys() & other_digests.keys()):
        if digests[variant] != other_digests[variant]:
            kind = variant.partition("/")[0]
            if listed := degradations.get(kind, {}).get("file"):
                return f"degradation.{kind}: {listed} has more or other photos of {variant}, or one was replaced"
            return f"degradation.{kind}: {variant} makes another picture{_version_differences(first, second)}"
    return ""


def _version_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    versions, others = first.get("versions", {}), second.get("versions", {})
    differing = [name for name in sorted(versions.keys() & others.keys()) if versions[name] != others[name]]
    return f" ({', '.join(f'{name} {versions[name]}, not {others[name]}' for name in differing)})" if differing else ""
