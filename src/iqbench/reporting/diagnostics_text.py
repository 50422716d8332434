"""What a model's evidence allows to be said, and what forbids to take its accuracy at face value: one line each."""

from typing import Any

from iqbench.reporting.blind_spots import CHANCE, above
from iqbench.reporting.wording import bracketed, escaped, one_line, percent

DETECTOR = 0.9
"""A model that prefers so many photos to their JPEG of quality 95, which looks the same, may see compression only."""

AGREEING = 0.99
"""Of a lower precision's verdicts, so many must be those of full precision."""

ENOUGH_TYPES = 3
"""Of so many types a model should see more than one."""


def warnings(model: dict[str, Any]) -> list[str]:
    """Return what forbids to take a model's accuracy at its face value; nothing of a model that is sound.

    Args:
        model: A model's entry of the summary, with the evidence.
    """
    found = []
    if seen := model.get("photos_seen_in_training", 0):
        found.append(f"is not held out: it was trained on {seen} of these photos")
    consistency = model["overall"]["order_consistency"]
    if consistency is not None and consistency < 1:
        found.append(f"contradicts itself in {percent(1 - consistency)} % of pairs when they are swapped (position)")
    if model["controls"]["identity"]["all_tie"] is False:
        found.append("tells a photo from an identical copy (identity control)")
    for asked, look in _asked_again(model).items():
        if look["verdicts_changed"]:
            found.append(
                f"does not repeat itself: {look['verdicts_changed']} of {look['pairs']} verdicts changed {asked}"
            )
    rough = _full_precision(model)
    if rough and 1 - rough["verdicts_changed"] / rough["pairs"] < AGREEING:
        found.append(
            f"is not itself in {rough['precision_before']}: {rough['verdicts_changed']} of {rough['pairs']} verdicts "
            "are others in fp32; take engine.precision=fp32"
        )
    for null, like in model["against_nulls"]["chooses_like"].items():
        if like["suspect"]:
            found.append(
                f"chooses as the null model {null} does in {percent(like['share'])} % of pairs: "
                "it may look at nothing else"
            )
    again = model["controls"]["reencode"]["accuracy"]
    if again is not None and again >= DETECTOR:
        found.append(
            f"prefers {percent(again)} % of photos to their JPEG of quality 95, which looks the same: "
            "it may detect compression and not damage"
        )
    judged = {kind: one for kind, one in model["by_degradation"].items() if one.get("interval") is not None}
    noticed = [kind for kind, one in judged.items() if above(one, CHANCE)]
    if len(judged) >= ENOUGH_TYPES and len(noticed) == 1:
        found.append(
            f"is shown to see {one_line(noticed[0])} and no other kind of damage: it may detect that and judge nothing"
        )
    if model["overall"]["tie_rate"] == 1.0:
        found.append("has no opinion: every pair is a tie")
    unbeaten = [kind for kind, one in model["against_nulls"]["by_degradation"].items() if one["beaten"] is False]
    if unbeaten:
        nulls = sorted({model["against_nulls"]["by_degradation"][kind]["null"] for kind in unbeaten})
        found.append(
            f"not shown to beat the best null model ({', '.join(nulls)}) on {', '.join(map(one_line, unbeaten))}"
        )
    return found


def facts(model: dict[str, Any]) -> list[str]:
    """Return what there is to know of a model besides its accuracy, each with the numbers that it rests on.

    Args:
        model: A model's entry of the summary, with the evidence.
    """
    parts = (_nulls, _ladders, _thresholds, _visibility, _strata, _sure, _repeats)
    return [line for part in parts for line in part(model)]


def _nulls(model: dict[str, Any]) -> list[str]:
    against = {"all pairs": model["against_nulls"]["overall"]} | model["against_nulls"]["by_degradation"]
    lost = [
        f"{escaped(part)} ({one['null']} {percent(one['null_accuracy'])} %, difference {_points(one)})"
        for part, one in against.items()
        if one["beaten"] is False
    ]
    return [f"Not shown to beat the best null model: {'; '.join(lost)}."] if lost else []


def _ladders(model: dict[str, Any]) -> list[str]:
    told = {kind: one for kind, one in model["ranking_consistency"].items() if one["tau"]["value"] is not None}
    if not told:
        return []
    follows = [f"{escaped(kind)} {one['tau']['value']:.2f}{_plain(one['tau'])}" for kind, one in told.items()]
    against = [
        f"{escaped(kind)} {percent(one['violations']['value'])} %{bracketed(one['violations'])}"
        for kind, one in told.items()
        if one["violations"]["interval"] is not None and one["violations"]["interval"][1] >= CHANCE
    ]
    found = [f"Preference follows severity (L-test, Kendall's tau): {', '.join(follows)}."]
    if against:
        found.append(
            f"Not shown to prefer the milder of two neighbouring levels (wrongly ordered): {', '.join(against)}."
        )
    return found


def _thresholds(model: dict[str, Any]) -> list[str]:
    measured = {k: one for k, one in model["thresholds"].items() if one["amount"] is not None}
    noticed = [f"{escaped(ladder)} {amount(one)}" for ladder, one in measured.items()]
    return [f"Noticed (75 % prefer the original) from: {', '.join(noticed)}."] if noticed else []


def amount(one: dict[str, Any]) -> str:
    """Return the amount of damage from which on a model notices it, with its interval."""
    said = f"{one['amount']:.3g} {one['unit']}" + (" or less, the mildest level" if one["at_most"] else "")
    if one["interval"] is None:
        return said
    low, high = ("beyond the harshest" if end is None else f"{end:.3g}" for end in one["interval"])
    return said if low == high else f"{said} [{low}, {high}]"


def _visibility(model: dict[str, Any]) -> list[str]:
    hidden = [
        f"{escaped(kind)} in {percent(1 - one['visible'])} % of pairs"
        for kind, one in model["visibility"].items()
        if one["visible"] is not None and one["visible"] < 1
    ]
    if not hidden:
        return []
    return [f"Cannot see it (at its own input the change is below that of a JPEG of quality 95): {', '.join(hidden)}."]


def _strata(model: dict[str, Any]) -> list[str]:
    doubtful = [
        f"{escaped(ladder)} where {fact} is {label} ({percent(one['accuracy'])} %{bracketed(one)})"
        for fact, thirds in model["strata"].items()
        for label, third in thirds.items()
        for ladder, one in third["by_ladder"].items()
        if one["interval"] is not None and one["interval"][1] < CHANCE
    ]
    return [f"Prefers the changed photo, which may be no damage there: {'; '.join(doubtful)}."] if doubtful else []


def _sure(model: dict[str, Any]) -> list[str]:
    sure = model["confidence"]
    if sure["ece"] is None:
        return []
    auroc = "" if sure["auroc"] is None else f", AUROC of its right verdicts among all {sure['auroc']:.2f}"
    return [
        f"Confidence, calibrated on other photos: off by {percent(sure['ece'])} points on average (ECE), "
        f"Brier {sure['brier']:.3f}{auroc}."
    ]


def _repeats(model: dict[str, Any]) -> list[str]:
    lines = [
        f"Repeats itself {asked}: {look['pairs'] - look['verdicts_changed']} of {look['pairs']} verdicts, "
        f"margins within {look['largest_change']:.1e}."
        for asked, look in _asked_again(model).items()
        if look["pairs"]
    ]
    if rough := _full_precision(model):
        same, asked = rough["pairs"] - rough["verdicts_changed"], rough["pairs"]
        before, change = rough["precision_before"], rough["largest_change"]
        lines.append(
            f"Asked again in fp32: {same} of {asked} verdicts are those of {before}, margins within {change:.1e}."
        )
    return lines


def _asked_again(model: dict[str, Any]) -> dict[str, dict[str, Any]]:
    again = model["repeatability"]
    alike = {} if _full_precision(model) else {"when asked again": again["second_look"]}
    return alike | {"in another run": again["other_runs"]}


def _full_precision(model: dict[str, Any]) -> dict[str, Any] | None:
    """Return the second look of a model that was asked in a lower precision the first time."""
    look: dict[str, Any] = model["repeatability"]["second_look"]
    return look if look["pairs"] and look["precision_before"] != look["precision"] else None


def _points(one: dict[str, Any]) -> str:
    return f"{100 * one['difference']:+.1f} points{bracketed(one)}"


def _plain(one: dict[str, Any]) -> str:
    return "" if one["interval"] is None else f" [{one['interval'][0]:.2f}, {one['interval'][1]:.2f}]"
