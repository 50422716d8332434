"""KEY_TAKEAWAYS.md: the findings of a run in words, each with its numbers."""

from iqbench.reporting.blind_spots import (
    NO_BLIND_SPOT,
    Condition,
    blind_spots,
    conditions,
    is_seen,
    prefers_damage,
    without_nested,
)
from iqbench.reporting.cautions import cautions
from iqbench.reporting.cluster_notice import cluster_notice
from iqbench.reporting.degradation_types import type_order
from iqbench.reporting.diagnostics_text import diagnostic_lines
from iqbench.reporting.ensemble_text import ensemble_lines
from iqbench.reporting.headline import headline
from iqbench.reporting.model_warnings import model_warnings
from iqbench.reporting.notices import baseline_text, ceiling_lines, looks_notice, power_text, tie_rule, unfinished
from iqbench.reporting.semantic_text import EFFECT, effect_lines
from iqbench.reporting.table import RANKED_BY, markdown_table, place_text
from iqbench.reporting.text_format import bracketed_interval, complement, escape_markdown, percent, points
from iqbench.results.model_summary import ModelSummary
from iqbench.results.summary import CorrectedDifference, ModelDifference, Summary, TypeWinner
from iqbench.statistics.estimate import Accuracy, Difference, Estimate
from iqbench.statistics.sign_flips import SignFlips


def takeaways(summary: Summary) -> str:
    """Return the takeaways as Markdown.

    A model *prefers* damage, is *better* than another, or *beats* a baseline where the p-value is below 5 % after
    correction for all claims of that family, whatever the number of models and types. Everything else is "too close
    to call" or "no difference shown".
    """
    sections = [
        ("# Key takeaways", _preface(summary)),
        ("## Accuracy in %", markdown_table(summary)),
        ("## Cautions", _cautions(summary)),
        ("## Ranking", _ranking(summary)),
        ("## Best model by degradation type", _winners(summary)),
        *((f"## {escape_markdown(name)}", _model(summary, name)) for name in summary.models),
        *((title, lines) for title, lines in [("## Semantic effects", _semantic_effects(summary))] if lines),
        ("## Blind spots of all models", _blind_spots(summary)),
        ("## Limits", _limits(summary)),
    ]
    return "\n\n".join(f"{title}\n\n" + "\n".join(lines) for title, lines in sections) + "\n"


def _accuracy_text(accuracy: Accuracy) -> str:
    if accuracy.value is None:
        return str(accuracy.reason)
    return f"{percent(accuracy.value)} %{bracketed_interval(accuracy)}"


def _difference_text(difference: Difference) -> str:
    if difference.value is None:
        return str(difference.reason)
    p = "" if difference.p_corrected is None else f", p = {difference.p_corrected:.2g} (corrected)"
    return f"{points(difference.value)} points{bracketed_interval(difference)}{p}, {difference.n} pairs"


def _preface(summary: Summary) -> list[str]:
    pairs = summary.counts.pairs
    notice = unfinished(summary.complete, summary.missing_shards)
    lines = [f"**{notice}.**", ""] if notice else []
    return [
        f"**{escape_markdown(headline(summary))}**",
        "",
        *([escape_markdown(reached), ""] if (reached := baseline_text(summary)) else []),
        *lines,
        f"{len(summary.models)} model(s), {summary.photos_judged} of {summary.photos} photos judged, {pairs.ok} of "
        f"{pairs.planned} pairs. Accuracy is the share of pairs in which the model prefers the original to its "
        f"degraded copy; {tie_rule(summary.protocol)}. Brackets hold 95 % intervals over photos.",
    ]


def _cautions(summary: Summary) -> list[str]:
    """Return all cautions, the heaviest first; those of single models stand with their numbers in its section."""
    lines = [escape_markdown(caution.subject + caution.predicate) for caution in cautions(summary)]
    return [f"- {line}." for line in lines] or ["None."]


def _ranking(summary: Summary) -> list[str]:
    lines = [RANKED_BY[summary.ranked_by], ""]
    for ranked in summary.ranking:
        model = summary.models[ranked.model]
        corrected, name = model.against_baselines.corrected, escape_markdown(ranked.model)
        score = percent(corrected.value) + bracketed_interval(corrected)
        if corrected.value is None:
            score = f"undefined ({escape_markdown(str(corrected.reason))})"
        accuracy, macro = _accuracy_text(model.overall), f"macro {_accuracy_text(model.macro)}"
        if summary.ranked_by == "accuracy":
            lines.append(f"- {place_text(ranked)}: {name}, {accuracy}; {macro}; corrected score {score}.")
            continue
        by_accuracy = f"by accuracy {place_text(ranked)}, {accuracy}"
        lines.append(
            f"- {place_text(ranked, corrected=True)}: {name}, corrected score {score}; {by_accuracy}; {macro}."
        )
    ensembles = [f"- {escape_markdown(line)}" for line in ensemble_lines(summary)]
    if len(summary.models) < 2:
        return [*lines, *ensembles, "", "Only one model was judged, so there is no comparison."]
    note = "Models that the data cannot separate share places."
    if all(ranked.place is None for ranked in summary.ranking):
        note = "Models that were asked about different photos have no place; benchmark them on the same ones."
    pairs = zip(summary.pairwise, summary.corrected_pairwise, strict=True)
    lines += ["", f"{note} Paired comparisons on the same photos:", ""]
    lines += [_comparison(difference) + _corrected_comparison(corrected) for difference, corrected in pairs]
    return [*lines, *ensembles, "", f"{power_text(summary).capitalize()}."]


def _comparison(difference: ModelDifference) -> str:
    a, b = escape_markdown(difference.a), escape_markdown(difference.b)
    numbers = f"({a} {_difference_text(difference)})"
    if difference.within_margin:
        return f"- {a} and {b} are shown to be {difference.verdict} of each other {numbers}."
    if difference.better is None:
        return f"- {a} and {b}: too close to call, no difference shown {numbers}."
    better, worse = (a, b) if difference.better == difference.a else (b, a)
    return f"- {better} is better than {worse} {numbers}."


def _corrected_comparison(difference: CorrectedDifference) -> str:
    if difference.value is None:
        return ""
    a, b = escape_markdown(difference.a), escape_markdown(difference.b)
    better = "too close to call"
    if difference.better is not None:
        better = f"{a if difference.better == difference.a else b} is better"
    p = "" if difference.p_corrected is None else f", p = {difference.p_corrected:.2g} (corrected)"
    return f" By the corrected score: {better} ({a} {points(difference.value)}{bracketed_interval(difference)}{p})."


def _winners(summary: Summary) -> list[str]:
    lines = [f"- {escape_markdown(kind)}: {_winner(summary, kind)}." for kind in type_order(summary)]
    best = summary.best_per_type
    alone = [model.overall.value for model in summary.models.values() if model.overall.value is not None]
    if best.value is not None:
        lines += [
            "",
            f"Choosing the best model of each type on other photos reaches {_accuracy_text(best)} (with hindsight "
            f"{percent(best.hindsight)} %); the best single model {percent(max(alone))} %.",
        ]
    return lines


def _winner(summary: Summary, kind: str) -> str:
    winner: TypeWinner | None = summary.by_degradation_winner.get(kind)
    if winner is None:
        return "no pair judged"
    if winner.runner_up is None:
        return f"{winner.p_reason} ({percent(winner.accuracy)} %)"
    best, runner_up = escape_markdown(winner.best), escape_markdown(winner.runner_up)
    verdict = f"{best} is better than the runner-up {runner_up}"
    if winner.better is None:
        verdict = f"no difference shown between {best} and {runner_up}"
    return f"{verdict} ({best} {percent(winner.accuracy)} %, {_difference_text(winner)})"


def _model(summary: Summary, name: str) -> list[str]:
    model = summary.models[name]
    lines = [
        *(f"**{warning[0].upper()}{warning[1:]}.**" for warning in model_warnings(model)),
        *_strengths(model),
        *_weaknesses(model),
        *diagnostic_lines(model),
        *_soundness(model),
    ]
    if model.trained_on:
        lines.append(f"Trained on: {escape_markdown(model.trained_on)}.")
    if seen := model.photos_seen_in_training:
        lines.append(f"{seen} of {summary.photos} photos were in its training data: its numbers are not held out.")
    if near := model.near_copies_of_training_photos:
        lines.append(f"{near} of {summary.photos} photos are near-copies of its training photos, of other bytes.")
    return [f"- {line}" for line in lines]


def _strengths(model: ModelSummary) -> list[str]:
    if model.overall.value == 1.0:
        return [f"Right in all {model.overall.n} pairs{bracketed_interval(model.overall)}."]
    contrast = model.type_contrast
    if contrast is None:
        cells = {kind: cell for kind, cell in model.by_degradation.items() if cell.value is not None}
        return [f"{escape_markdown(kind)}: {_accuracy_text(cell)}." for kind, cell in cells.items()]
    strong, weak = (model.by_degradation[kind] for kind in (contrast.strongest, contrast.weakest))
    line = (
        f"Strongest on {escape_markdown(contrast.strongest)}: {_accuracy_text(strong)}. "
        f"Weakest on {escape_markdown(contrast.weakest)}: {_accuracy_text(weak)}."
    )
    if contrast.p_corrected is None:
        return [f"{line} No difference shown between them: {contrast.p_corrected_reason}."]
    p = f"p = {contrast.p_corrected:.2g}, corrected for every two types"
    return [f"{line} {'A difference is shown' if contrast.shown else 'No difference shown'} between them ({p})."]


def _weaknesses(model: ModelSummary) -> list[str]:
    """Return where the model prefers the damage or is not shown to see it; a level only if its type is not listed."""
    worse = [condition for condition in conditions(model) if prefers_damage(condition)]
    uncertain = [
        condition for condition in conditions(model) if not prefers_damage(condition) and not is_seen(condition)
    ]
    findings = {
        "Prefers the degraded photo (below 50 %, corrected for all types or levels)": worse,
        "Not shown to see (above 50 % is not shown)": uncertain,
    }
    return [f"{finding}: {_listed(chosen)}." for finding, chosen in findings.items() if chosen]


def _listed(chosen: list[Condition]) -> str:
    return "; ".join(
        f"{escape_markdown(condition.name)} {_accuracy_text(condition.accuracy)}"
        for condition in without_nested(chosen)
    )


def _soundness(model: ModelSummary) -> list[str]:
    overall, identity, reencode = model.overall, model.controls.identity, model.controls.reencode
    result = "tied" if identity.all_tie else "DID NOT TIE"
    tied = f"{result} ({identity.ties} of {identity.pairs} pairs tied)"
    lines = [f"Identity control: {identity.all_tie_reason if identity.all_tie is None else tied}."]
    if reencode.value is not None:
        share = f"{percent(reencode.value)} %{bracketed_interval(reencode)}"
        lines.append(f"Re-encode control: prefers the original in {share} of {reencode.n} pairs.")
    if overall.order_consistency is not None and overall.order_consistency < 1:
        share = percent(1 - overall.order_consistency)
        interval = complement(Estimate.of_fields(overall, "order_consistency"))
        lines.append(f"Verdicts depend on the order of the two photos in {share} %{interval} of {overall.n} pairs.")
    ties = Estimate.of_fields(overall, "tie_rate")
    if overall.ties:
        lines.append(
            f"Ties: {overall.ties} of {overall.n} pairs ({percent(overall.tie_rate)} %{bracketed_interval(ties)})."
        )
    if overall.failed:
        reasons = ", ".join(f"{escape_markdown(status)}: {count}" for status, count in model.failures.items())
        counted = f", {overall.unanswered} of them worth a tie" if overall.unanswered else ", which enter no accuracy"
        lines.append(f"Failed: {overall.failed} pairs{counted} ({reasons}).")
    for kind, causes in model.not_applicable.items():
        counted = "; ".join(f"{escape_markdown(reason)}: {count}" for reason, count in causes.items())
        lines.append(f"Not applicable, and no failure: {escape_markdown(kind)} ({counted} pairs).")
    return lines


def _semantic_effects(summary: Summary) -> list[str]:
    lines = [f"- {escape_markdown(line)}" for line in effect_lines(summary, levels=True)]
    return [EFFECT, "", *lines] if lines else []


def _blind_spots(summary: Summary) -> list[str]:
    lines = [
        f"- {escape_markdown(spot.condition.name)}: at best {escape_markdown(spot.best_model)}, "
        f"{_accuracy_text(spot.condition.accuracy)}."
        for spot in blind_spots(summary)
    ]
    judged = {condition.name for model in summary.models.values() for condition in conditions(model)}
    if not lines:
        lines = [NO_BLIND_SPOT if judged else "No pair was judged."]
    nobody = summary.nobody_right.overall
    if nobody.value is not None:
        share = f"{percent(nobody.value)} %{bracketed_interval(nobody)}"
        lines += ["", f"No model is right in {share} of {nobody.n} pairs."]
    return lines


def _limits(summary: Summary) -> list[str]:
    photos = summary.photos_judged
    lines = [
        f"- {photos} photo(s) are a small sample. The intervals are about photos like these and these degradations "
        "only.",
        "- Claims are corrected within their family: pairs of models, models against baselines, and accuracies against "
        "50 % on types, on levels and on thirds of the photos. In each at most 1 benchmark in 20 makes a false one. "
        "Intervals are those of single numbers.",
        "- A crop is not always damage: a tighter frame can improve a photo.",
    ]
    if copies := summary.duplicate_photos:
        counted = "them as new" if summary.clusters.by == "photo" else "each with its original"
        lines.append(f"- {copies} photo(s) are copies of others under another name; the intervals count {counted}.")
    if notice := cluster_notice(summary.clusters):
        pairs = (f"{escape_markdown(a)} and {escape_markdown(b)}" for a, b in summary.clusters.examples)
        lines.append(f"- {notice}. For example: {'; '.join(pairs)}.")
    lines += [f"- {line[0].upper()}{line[1:]}." for line in ceiling_lines(summary)]
    if photos > 1:
        units = summary.clusters.clusters
        noun = "photos" if units == photos else "clusters of photos"
        lines.append(f"- With {units} {noun} no p-value is below {SignFlips(units).smallest_p:.2g}.")
    if notice := looks_notice(summary):
        lines.append(f"- {notice[0].upper()}{notice[1:]}.")
    if photos < 2:
        lines.append("- Fewer than two photos give no interval, so no difference is shown.")
    return lines
