"""KEY_TAKEAWAYS.md: what the intervals of a run show, and what they do not."""

from typing import Any

from iqbench.reporting.blind_spots import CHANCE, above, below, places, unnested, unseen
from iqbench.reporting.diagnostics_text import facts as evidence
from iqbench.reporting.diagnostics_text import warnings
from iqbench.reporting.table import markdown_table, rule, type_order, unfinished
from iqbench.reporting.wording import bracketed, escaped, percent

FEW_PHOTOS = 30


def takeaways(summary: dict[str, Any]) -> str:
    """Return the takeaways as Markdown, each with the numbers that it rests on.

    A model *sees* a kind of damage when its interval lies above 50 %, is *better* than another when the
    Holm-corrected comparison says so, and *beats* a null model when the interval of their paired difference
    lies above 0. Everything else is said to be too close to call, or "no difference shown".

    Args:
        summary: As `iqbench.benchmark.summarize.summarize` returns it, with the null models' entries
            under ``nulls`` if there are any.
    """
    sections = [
        ("# Key takeaways", _preface(summary)),
        ("## Accuracy in %", markdown_table(summary)),
        ("## Ranking", _ranking(summary)),
        ("## Best model by kind of damage", _winners(summary)),
        *((f"## {escaped(name)}", _model(summary, name)) for name in summary["models"]),
        ("## What no model is shown to see", _unseen(summary)),
        ("## How far to trust this", _caveats(summary)),
    ]
    return "\n\n".join(f"{title}\n\n" + "\n".join(lines) for title, lines in sections) + "\n"


def _accuracy(one: dict[str, Any]) -> str:
    known = one["accuracy"] is not None
    return f"{percent(one['accuracy'])} %{bracketed(one)}" if known else str(one["accuracy_reason"])


def _difference(one: dict[str, Any]) -> str:
    if one["difference"] is None:
        return str(one["difference_reason"])
    p = "" if one["p_holm"] is None else f", p = {one['p_holm']:.2g} (Holm)"
    return f"{100 * one['difference']:+.1f} points{bracketed(one)}{p}, {one['pairs']} pairs"


def _preface(summary: dict[str, Any]) -> list[str]:
    pairs, photos = summary["counts"]["pairs"], summary["photos_judged"]
    return [
        f"{len(summary['models'])} model(s), {photos} of {summary['photos']} photos judged, {pairs['ok']} of "
        f"{pairs['planned']} pairs. Accuracy is the share of pairs in which the original is preferred to its degraded "
        f"copy; {rule(summary)}. Brackets hold 95 % intervals, from "
        f"{summary['bootstrap']['resamples']} resamples of the photos{unfinished(summary)}."
    ]


def _ranking(summary: dict[str, Any]) -> list[str]:
    models = summary["models"]
    places = [one["place"] for one in summary["ranking"]]
    lines = []
    for one in summary["ranking"]:
        model, shared = models[one["model"]], " (shared)" if places.count(one["place"]) > 1 else ""
        said = f"{_accuracy(model['overall'])}; macro {_accuracy(model['macro'])}"
        lines.append(f"- place {one['place']}{shared}: {escaped(one['model'])}, {said}")
    if len(models) < 2:
        return [*lines, "", "Only one model was judged: there is nothing to compare it with."]
    lines += ["", "Models that cannot be told apart share a place. Compared on the same photos:", ""]
    for one in summary["pairwise"]:
        a, b, says = escaped(one["a"]), escaped(one["b"]), _difference(one)
        if one["better"] is None:
            lines.append(f"- {a} and {b}: too close to call, no difference shown ({a} {says}).")
        else:
            worse = b if one["better"] == one["a"] else a
            lines.append(f"- {escaped(one['better'])} is better than {worse} ({a} {says}).")
    least = 2 * len(summary["pairwise"]) / (summary["bootstrap"]["resamples"] + 1)
    if least >= 1 - summary["bootstrap"]["confidence"]:
        lines += [
            "",
            f"{len(summary['pairwise'])} comparisons need more resamples: p cannot be below {least:.2g} here.",
        ]
    return lines


def _winners(summary: dict[str, Any]) -> list[str]:
    lines = []
    for kind in type_order(summary):
        one = summary["by_degradation_winner"].get(kind)
        if one is None or one["runner_up"] is None:
            reason = "no pair judged" if one is None else f"{one['p_reason']} ({percent(one['accuracy'])} %)"
            lines.append(f"- {escaped(kind)}: {reason}.")
            continue
        best, runner_up, says = escaped(one["best"]), escaped(one["runner_up"]), _difference(one)
        verdict = f"no difference shown between {best} and {runner_up}"
        verdict = verdict if one["better"] is None else f"{best} is better than the runner-up {runner_up}"
        lines.append(f"- {escaped(kind)}: {verdict} ({best} {percent(one['accuracy'])} %, {says}).")
    reached = summary["best_per_type"]["accuracy"]
    alone = [model["overall"]["accuracy"] for model in summary["models"].values()]
    if reached is not None and len(alone) > 1:
        lines += ["", f"A perfect choice of model per type would have reached {percent(reached)} %;"]
        lines[-1] += f" the best single model {percent(max(value for value in alone if value is not None))} %."
    return lines


def _model(summary: dict[str, Any], name: str) -> list[str]:
    model = summary["models"][name]
    facts = [*map(_capital, warnings(model)), *_strength(model), *_blind(model), *evidence(model), *_soundness(model)]
    if model.get("trained_on"):
        facts.append(f"Trained on: {escaped(model['trained_on'])}.")
    seen = model.get("photos_seen_in_training", 0)
    if seen:
        facts.append(f"{seen} of {summary['photos']} photos were in its training data: its numbers are not held out.")
    return [f"- {fact}" for fact in facts]


def _capital(line: str) -> str:
    return f"**{line[0].upper()}{line[1:]}.**"


def _strength(model: dict[str, Any]) -> list[str]:
    known = {kind: one for kind, one in model["by_degradation"].items() if one["accuracy"] is not None}
    if len(known) < 2:
        return [f"{escaped(kind)}: {_accuracy(one)}." for kind, one in model["by_degradation"].items()]
    ranked = sorted(known, key=lambda kind: -known[kind]["accuracy"])
    strong, weak = known[ranked[0]], known[ranked[-1]]
    fact = (
        f"Strongest on {escaped(ranked[0])}: {_accuracy(strong)}. Weakest on {escaped(ranked[-1])}: {_accuracy(weak)}."
    )
    apart = weak["interval"] is not None and above(strong, weak["interval"][1])
    return [fact if apart else f"{fact} No difference shown between them: the intervals do not separate."]


def _blind(model: dict[str, Any]) -> list[str]:
    """Return where the model prefers the damage or is not shown to see it; a step only if its type is not named."""
    judged = places(model)
    worse = {place: one for place, one in judged.items() if below(one, CHANCE)}
    unsure = {place: one for place, one in judged.items() if not above(one, CHANCE) and place not in worse}
    return [
        f"{says}: {'; '.join(f'{escaped(place)} {_accuracy(one)}' for place, one in found.items())}."
        for says, found in (
            ("Prefers the degraded photo (interval below 50 %)", unnested(worse)),
            ("Not shown to see (interval not above 50 %)", unnested(unsure)),
        )
        if found
    ]


def _soundness(model: dict[str, Any]) -> list[str]:
    overall, same = model["overall"], model["controls"]["identity"]
    again = model["controls"]["reencode"]
    facts = []
    if same["all_tie"] is None:
        facts.append(f"Identity control: {same['all_tie_reason']}.")
    else:
        verdict = "tied" if same["all_tie"] else "DID NOT TIE: this model tells a photo from itself"
        facts.append(f"Identity control: {verdict} ({same['ties']} of {same['pairs']} pairs tied).")
    if again["accuracy"] is not None:
        facts.append(f"Re-encode control: {percent(again['accuracy'])} % prefer the original ({again['pairs']} pairs).")
    if overall["order_consistency"] is not None and overall["order_consistency"] < 1:
        share = percent(1 - overall["order_consistency"])
        facts.append(f"Answers depend on the order of the two photos in {share} % of {overall['total_pairs']} pairs.")
    if overall["ties"]:
        facts.append(f"Ties: {overall['ties']} of {overall['total_pairs']} pairs ({percent(overall['tie_rate'])} %).")
    if overall["failed"]:
        causes = ", ".join(f"{escaped(status)}: {count}" for status, count in model["failures"].items())
        facts.append(f"Failed: {overall['failed']} pairs, which enter no accuracy ({causes}).")
    return facts


def _unseen(summary: dict[str, Any]) -> list[str]:
    lines = [f"- {escaped(one['place'])}: at best {escaped(one['best'])}, {_accuracy(one)}." for one in unseen(summary)]
    judged = {place for model in summary["models"].values() for place in places(model)}
    nothing = f"Nothing: in each of {len(judged)} types and steps at least one model's interval lies above 50 %."
    lines = lines or [nothing if judged else "No pair was judged."]
    nobody = summary["nobody_right"]["overall"]
    if nobody["share"] is not None:
        lines += [
            "",
            f"No model is right in {percent(nobody['share'])} %{bracketed(nobody)} of {nobody['pairs']} pairs.",
        ]
    return lines


def _caveats(summary: dict[str, Any]) -> list[str]:
    photos = summary["photos_judged"]
    lines = [
        f"- {photos} photo(s) are a small sample of all photos. The intervals speak of photos like these, and of these "
        "kinds of damage only.",
        "- Intervals of single types and steps are not corrected for their number; about 1 in 20 misses its mark.",
        "- A crop is not always damage: a tighter frame can improve a photo.",
    ]
    if copies := summary.get("duplicate_photos", 0):
        lines.append(
            f"- {copies} photo(s) are copies of others under another name; the intervals count them as new ones."
        )
    if photos > 1:
        bound = percent(min(1.0, 3 / photos))
        lines.append(
            f"- An interval of no width is not certainty: no error in {photos} photos allows up to {bound} % of them."
        )
    if 1 < photos < FEW_PHOTOS:
        lines.append(
            f"- Below {FEW_PHOTOS} photos such intervals tend to be too narrow; a comparison of {photos} photos can"
        )
        lines[-1] += f" reach p = {2.0 ** (1 - photos):.2g} at best, before correction."
    if photos < 2:
        lines.append("- Fewer than two photos give no interval: no difference shown, whatever the numbers above.")
    return lines
