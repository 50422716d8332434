"""Warnings: reasons not to take a model's accuracy at face value. Table, takeaways and report show the same ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iqbench.reporting.blind_spots import CHANCE, lies_above
from iqbench.reporting.taught_damage import taught_lines
from iqbench.reporting.text_format import one_line, percent
from iqbench.results.evaluation_summary import EvaluatedModel
from iqbench.results.model_summary import ModelSummary, RepeatSample, SecondAnswers

COMPRESSION_DETECTOR = 0.9
"""Smallest accuracy on the re-encode control, whose JPEG looks the same, that suggests a detector of compression."""

PRECISION_AGREEMENT = 0.99
"""Smallest share of verdicts that a lower precision and fp32 must have in common."""

SLIGHT_BIAS = 0.02
"""Share of contradicted pairs up to which position bias hardly changes an accuracy."""

MIN_TYPES = 3
"""With this many degradation types or more, a quality model should see more than one."""


def model_warnings(model: ModelSummary) -> list[str]:
    """Return a model's warnings, each a clause whose subject is the model; none for a sound one."""
    return [line for rule in WARNINGS for line in rule.lines(model)]


def not_held_out(model: ModelSummary | EvaluatedModel, photos: str = "photos") -> str:
    """Return how many photos a model has seen in training, as a clause whose subject is the model; "" if none.

    Args:
        model: The model.
        photos: The name of the photos, such as ``9 photos``.
    """
    seen, near = model.photos_seen_in_training, model.near_copies_of_training_photos
    parts = [f"was trained on {seen:,} of these {photos}"] if seen else []
    parts += [f"was trained on near-copies of {near:,} {'others' if seen else f'of these {photos}'}"] if near else []
    return " and ".join(parts)


def _seen_in_training(model: ModelSummary) -> Iterator[str]:
    if notice := not_held_out(model):
        yield f"is not held out: it {notice}"


def _position_bias(model: ModelSummary) -> Iterator[str]:
    if contradictions(model) > SLIGHT_BIAS:
        yield _bias_clause(model)


def _slight_position_bias(model: ModelSummary) -> Iterator[str]:
    if 0 < contradictions(model) <= SLIGHT_BIAS:
        yield _bias_clause(model)


def contradictions(model: ModelSummary) -> float:
    """Return the share of pairs in which a model contradicts itself when the photos are swapped."""
    consistency = model.overall.order_consistency
    return 0.0 if consistency is None else 1 - consistency


def _bias_clause(model: ModelSummary) -> str:
    share = percent(contradictions(model))
    return f"contradicts itself in {share} % of pairs when they are swapped (position bias)"


def _identity_control(model: ModelSummary) -> Iterator[str]:
    control = model.controls.identity
    if control.all_tie is False:
        yield (
            f"fails the identity control: it prefers one of two identical copies in {control.pairs - control.ties} "
            f"of {control.pairs} pairs"
        )


def _not_repeatable(model: ModelSummary) -> Iterator[str]:
    for source, answers in second_answers(model).items():
        if answers.verdicts_changed:
            yield f"is not repeatable: {answers.verdicts_changed} of {answers.pairs} verdicts changed in {source}"


def _precision_loss(model: ModelSummary) -> Iterator[str]:
    sample = precision_sample(model)
    if sample and 1 - sample.verdicts_changed / sample.pairs < PRECISION_AGREEMENT:
        yield (
            f"changes {sample.verdicts_changed} of {sample.pairs} verdicts between {sample.precision_before} and "
            f"{sample.precision}; set engine.precision=fp32"
        )


def _like_baseline(model: ModelSummary) -> Iterator[str]:
    for name, likeness in model.against_baselines.chooses_like.items():
        if likeness.suspect:
            yield (
                f"chooses like the baseline {name} in {percent(likeness.share)} % of pairs, and in "
                f"{percent(likeness.errors_shared.value)} % of those in which {name} is wrong: it may use nothing else"
            )


def _compression_detector(model: ModelSummary) -> Iterator[str]:
    """Yield the warning, but not of a model that is right in all pairs of many types: most compress nothing."""
    if model.overall.value == 1.0 and len(model.by_degradation) >= MIN_TYPES:
        return
    control = model.controls.reencode
    accuracy = control.value
    if accuracy is not None and accuracy >= COMPRESSION_DETECTOR and control.verdict == "above chance":
        yield (
            f"prefers the original to its JPEG of quality 95, which looks the same, in {percent(accuracy)} % of pairs: "
            "it may detect compression, not damage"
        )


def _single_type(model: ModelSummary) -> Iterator[str]:
    measured = {kind: cell for kind, cell in model.by_degradation.items() if cell.interval is not None}
    seen = [kind for kind, cell in measured.items() if lies_above(cell, CHANCE)]
    if len(measured) >= MIN_TYPES and len(seen) == 1 and measured[seen[0]].verdict == "above chance":
        yield (
            f"is shown to see only {one_line(seen[0])}, of {len(measured)} degradation types: "
            "it may detect that and not judge quality"
        )


def _no_opinion(model: ModelSummary) -> Iterator[str]:
    if model.overall.tie_rate == 1.0:
        yield "has no opinion: every pair is a tie"


def _baseline_not_beaten(model: ModelSummary) -> Iterator[str]:
    gaps = model.against_baselines.by_degradation
    lost = {kind: gap for kind, gap in gaps.items() if gap.beaten is False and not gap.ceiling}
    if lost:
        baselines = ", ".join(sorted({str(gap.baseline) for gap in lost.values()}))
        yield f"is not shown to beat the best baseline ({baselines}) on {', '.join(map(one_line, lost))}"


def _unanswered(model: ModelSummary) -> Iterator[str]:
    if model.overall.unanswered:
        share = percent(model.overall.unanswered / model.overall.n)
        yield f"gives no answer in {share} % of pairs, which are worth as much as ties"


@dataclass(frozen=True)
class Rule:
    """A warning, and its weight among all cautions about a benchmark.

    Args:
        weight: Its weight; the heaviest cautions are shown first.
        lines: Returns the clauses about a model, none for a sound one.
        reason: Why it weighs so much.
    """

    weight: int
    lines: Callable[[ModelSummary], Iterator[str]]
    reason: str


WARNINGS = (
    Rule(90, _seen_in_training, "the model may know these photos by heart"),
    Rule(85, _no_opinion, "there is no preference to measure"),
    Rule(80, _position_bias, "half of what looks like a preference is the order of the photos"),
    Rule(78, _identity_control, "differences between equal photos are noise, and enter every verdict"),
    Rule(75, _not_repeatable, "another run gives another result"),
    Rule(70, _unanswered, "the accuracy is about the pairs that were answered, and about ties"),
    Rule(65, _like_baseline, "the model may see nothing but a file size or a brightness"),
    Rule(50, _compression_detector, "it may detect a file's history, and not damage"),
    Rule(47, taught_lines, "an accuracy on damage that a model was taught shows that it can be learned"),
    Rule(45, _single_type, "it is a detector of one kind of damage"),
    Rule(40, _precision_loss, "a setting changes verdicts, and can be changed back"),
    Rule(30, _slight_position_bias, "few verdicts depend on the order"),
    Rule(20, _baseline_not_beaten, "one number of many, and often a lack of photos"),
)
"""One rule per warning, the heaviest first. Those of a whole benchmark are in `iqbench.reporting.cautions`."""


def second_answers(model: ModelSummary) -> dict[str, SecondAnswers]:
    """Return the second answers that were given in the precision of the first, by their source."""
    sources: dict[str, SecondAnswers] = {}
    if precision_sample(model) is None:
        sources["the repeat sample"] = model.repeatability.repeat_sample
    return sources | {"another run": model.repeatability.other_runs}


def precision_sample(model: ModelSummary) -> RepeatSample | None:
    """Return the repeat sample if it measures a lower precision against fp32, else None."""
    sample = model.repeatability.repeat_sample
    return sample if sample.pairs and sample.precision_before != sample.precision else None
