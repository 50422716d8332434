"""The growth of a run: whether a planned run is the stored one, adds to it, or is another."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from iqbench.results.compatibility import damage_difference
from iqbench.results.schema import VARIANTS, VariantRow

IDENTIFYING_COLUMNS = [column.name for column in VARIANTS.columns if column.name not in ("position", "severity")]
"""The columns of a variant that stay the same when levels are added to its ladder."""

SUITE = {"degradation", "variants"}
"""The parts of an identity that describe the damage."""


def differences(
    stored: Mapping[str, Any], planned: Mapping[str, Any], keeps_variants: bool
) -> tuple[set[str], set[str]]:
    """Return the parts in which two identities differ, and those of them by which they are different runs.

    More photos, types or levels are no different run.

    Args:
        stored: The identity of the stored run.
        planned: That of the planned run.
        keeps_variants: Whether every stored variant is planned; see `adds_variants`.

    Example:
        >>> differences({"photos": ["a"], "precision": "fp32"}, {"photos": ["a", "b"], "precision": "bf16"}, True)[1]
        {'precision'}
        >>> sorted(differences({"photos": ["a", "b"]}, {"photos": ["a"]}, True)[1])
        ['photos']
    """
    planned = json.loads(json.dumps(planned))
    differing = {key for key in {*stored, *planned} if stored.get(key) != planned.get(key)}
    grown = {"photos"} if set(stored.get("photos", [])) <= set(planned.get("photos", [])) else set()
    damage = damage_difference(stored, planned)
    if not damage and keeps_variants and _same_settings(stored, planned):
        grown |= SUITE
    refused = differing - grown
    if refused & SUITE:
        refused = refused - SUITE | {damage or "degradation"}
    return differing, refused


def _same_settings(stored: Mapping[str, Any], planned: Mapping[str, Any]) -> bool:
    """Return whether every stored type has the same settings."""
    types = planned.get("degradation", {})
    return all(
        settings.keys() == types.get(kind, {}).keys() for kind, settings in stored.get("degradation", {}).items()
    )


def adds_variants(stored: Collection[tuple[Any, ...]], planned: Sequence[VariantRow]) -> bool:
    """Return whether every stored variant, as its `IDENTIFYING_COLUMNS`, is still planned."""
    return set(stored) <= {tuple(getattr(variant, name) for name in IDENTIFYING_COLUMNS) for variant in planned}


def looks_at_results(
    run: Mapping[str, Mapping[str, Any]], planned: Mapping[str, Any], judged: int
) -> dict[str, list[int]]:
    """Return the detail ``looks``: the numbers of photos whose results could be seen before photos were added.

    Args:
        run: The identity and details of the stored run.
        planned: The identity of the planned run.
        judged: The photos that the stored run has judged.

    Returns:
        Nothing if photos were never added.
    """
    looks = list(run["details"].get("looks", []))
    grew = len(planned.get("photos", [])) > len(run["identity"].get("photos", []))
    looks += [judged] * bool(grew and judged)
    return {"looks": looks} if looks else {}
