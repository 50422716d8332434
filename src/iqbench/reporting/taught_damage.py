"""Sentences on a model that learned from degraded copies: what it was taught, and what it makes of other damage."""

from collections.abc import Iterator

from iqbench.reporting.text_format import and_list, one_line, percent
from iqbench.results.model_summary import ModelSummary


def taught_lines(model: ModelSummary) -> Iterator[str]:
    """Yield clauses, whose subject is the model, about the damage that it was taught; none if it was taught none.

    An accuracy on damage that a model was taught shows that it can be learned. What it makes of damage that nobody
    taught it is another number, so both stand side by side.
    """
    if not model.taught:
        return
    known = [kind for kind in model.by_degradation if kind in model.taught]
    new = [kind for kind in model.by_degradation if kind not in model.taught]
    count = f"{len(known)} of these {len(model.by_degradation)} types of damage"
    text = f"was taught {count}, on copies of other photos"
    if new and known:
        text += f": {_mean(model, known)} there, {_mean(model, new)} on {and_list(new, 'types')}"
    yield text
    if left_out := {kind: value for kind, value in model.left_out.items() if kind in model.by_degradation}:
        weakest = min(left_out, key=lambda kind: left_out[kind])
        mean = percent(sum(left_out.values()) / len(left_out))
        yield (
            f"is right in {mean} % of the pairs of a type that its training leaves out, on average over "
            f"{len(left_out)} of these types and on other photos (least on {one_line(weakest)}: "
            f"{percent(left_out[weakest])} %)"
        )


def _mean(model: ModelSummary, kinds: list[str]) -> str:
    values = [cell.value for kind in kinds if (cell := model.by_degradation[kind]).value is not None]
    return f"{percent(sum(values) / len(values))} %" if values else "no pair"
