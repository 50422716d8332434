"""Blind spots: the kinds of damage, and the steps of each, at which a model or all of them see nothing."""

from typing import Any

CHANCE = 0.5


def above(one: dict[str, Any], bar: float) -> bool:
    """Return whether an interval lies above a bar; where there is none, it does not."""
    return one.get("interval") is not None and one["interval"][0] > bar


def below(one: dict[str, Any], bar: float) -> bool:
    """Return whether an interval lies below a bar; where there is none, it does not."""
    return one.get("interval") is not None and one["interval"][1] < bar


def places(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the types and the steps of all ladders that a model judged, under a readable name each, types first."""
    found = {f"all of {kind}": one for kind, one in model["by_degradation"].items()} | {
        f"{ladder} severity {step['severity']} ({step['level']})": step
        for ladder, steps in model["severity"].items()
        for step in steps
    }
    return {place: one for place, one in found.items() if one["accuracy"] is not None}


def unnested(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the places without the steps of a type that is itself among them."""
    return {place: one for place, one in found.items() if f"all of {one.get('degradation_type', '')}" not in found}


def unseen(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the places at which no model's interval lies above 50 %, each with the best model's accuracy there."""
    judges: dict[str, dict[str, dict[str, Any]]] = {}
    for name, model in summary["models"].items():
        for place, one in places(model).items():
            judges.setdefault(place, {})[name] = one
    best = {place: max(models, key=lambda name: models[name]["accuracy"]) for place, models in judges.items()}
    hidden = {
        place: models[best[place]]
        for place, models in judges.items()
        if not any(above(one, CHANCE) for one in models.values())
    }
    return [{"place": place, "best": best[place]} | one for place, one in unnested(hidden).items()]
