"""Diagnostics in words: baselines, monotonicity test, thresholds, visibility, strata, calibration, repeatability."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from iqbench.reporting.blind_spots import CHANCE, lies_below
from iqbench.reporting.model_warnings import precision_sample, second_answers
from iqbench.reporting.text_format import bracketed_interval, complement, escape_markdown, percent, points
from iqbench.results.model_summary import CrossPhotoStep, ModelSummary, Threshold
from iqbench.statistics.estimate import Estimate


def diagnostic_lines(model: ModelSummary) -> list[str]:
    """Return a model's diagnostics, one sentence each, with the numbers that they rest on."""
    return [line for diagnostic in DIAGNOSTICS for line in diagnostic(model)]


def _baselines(model: ModelSummary) -> Iterator[str]:
    gaps = {"all pairs": model.against_baselines.overall} | model.against_baselines.by_degradation
    lost = [
        f"{escape_markdown(part)} ({gap.baseline} {percent(gap.baseline_accuracy)} %, "
        f"difference {points(gap.value)} points{bracketed_interval(gap)})"
        for part, gap in gaps.items()
        if gap.beaten is False and not gap.ceiling
    ]
    if lost:
        yield f"Not shown to beat the best baseline: {'; '.join(lost)}."


def _monotonicity(model: ModelSummary) -> Iterator[str]:
    tests = {kind: test for kind, test in model.monotonicity.items() if test.tau.value is not None}
    if not tests:
        return
    taus = [f"{escape_markdown(kind)} {test.tau.value:.2f}{_decimals(test.tau)}" for kind, test in tests.items()]
    yield f"Monotonicity test (L-test), Kendall's tau of severity and preference: {', '.join(taus)}."
    misordered = [
        f"{escape_markdown(kind)} {percent(test.violations.value)} %{bracketed_interval(test.violations)}"
        for kind, test in tests.items()
        if test.violations.interval is not None and not lies_below(test.violations, CHANCE)
    ]
    if misordered:
        yield f"Not shown to prefer the milder of two neighbouring levels (share misordered): {', '.join(misordered)}."


def _p_test(model: ModelSummary) -> Iterator[str]:
    steps = [
        f"{escape_markdown(kind)} {percent(severities[-1].value)} %{bracketed_interval(severities[-1])}"
        for kind, severities in model.p_test.items()
        if severities[-1].value is not None
    ]
    if steps:
        of_photos = cross_photo_text(model.p_test)
        yield f"P-test, originals above the harshest copies of other photos ({of_photos}): {', '.join(steps)}."


def cross_photo_text(p_test: Mapping[str, Sequence[CrossPhotoStep]]) -> str:
    """Return the photos of a P-test in words: all that were judged, or a sample.

    Example:
        >>> step = CrossPhotoStep(accuracy=0.8, severity=1, photos=32, sampled=True)
        >>> cross_photo_text({"blur": [step]})
        'a sample of 32 photos'
    """
    steps = [step for severities in p_test.values() for step in severities]
    photos = max(step.photos for step in steps)
    return f"a sample of {photos} photos" if any(step.sampled for step in steps) else f"all {photos} photos"


def _thresholds(model: ModelSummary) -> Iterator[str]:
    thresholds = [
        f"{escape_markdown(ladder)} {threshold_text(threshold)}"
        for ladder, threshold in model.thresholds.items()
        if threshold.amount is not None
    ]
    if thresholds:
        yield f"Detection thresholds (75 % prefer the original): {', '.join(thresholds)}."


def threshold_text(threshold: Threshold) -> str:
    """Return the amount of damage at a detection threshold, with its interval."""
    text = f"{threshold.amount:.3g} {threshold.unit}" + (" or less, the mildest level" if threshold.at_most else "")
    if threshold.interval is None:
        return text
    low, high = ("beyond the harshest" if end is None else f"{end:.3g}" for end in threshold.interval)
    return text if low == high else f"{text} [{low}, {high}]"


def _visibility(model: ModelSummary) -> Iterator[str]:
    hidden = [
        f"{escape_markdown(kind)} in {percent(1 - visibility.visible)} %"
        f"{complement(Estimate.of_fields(visibility, 'visible'))} of pairs"
        for kind, visibility in model.visibility.items()
        if visibility.visible is not None and visibility.visible < 1
    ]
    if hidden:
        yield f"Invisible at the model's input (a smaller change than JPEG of quality 95): {', '.join(hidden)}."


def _strata(model: ModelSummary) -> Iterator[str]:
    preferred = [
        f"{escape_markdown(ladder)} where {statistic} is {label} "
        f"({percent(accuracy.value)} %{bracketed_interval(accuracy)})"
        for statistic, thirds in model.strata.items()
        for label, third in thirds.items()
        for ladder, accuracy in third.by_ladder.items()
        if accuracy.verdict == "below chance"
    ]
    if preferred:
        yield f"Prefers the changed photo, which may be no damage there: {'; '.join(preferred)}."


def _calibration(model: ModelSummary) -> Iterator[str]:
    confidence = model.confidence
    if confidence.ece is None:
        return
    error, brier, area = (Estimate.of_fields(confidence, name) for name in ("ece", "brier", "auroc"))
    auroc = "" if area.value is None else f", AUROC of right against wrong verdicts {area.value:.2f}{_decimals(area)}"
    yield (
        f"Confidence, calibrated on other photos: expected calibration error {percent(error.value)} "
        f"points{bracketed_interval(error)}; {percent(confidence.ece_expected)} of a perfectly calibrated judge. "
        f"Brier score {brier.value:.3f}{_decimals(brier, 3)}{auroc}."
    )


def _repeatability(model: ModelSummary) -> Iterator[str]:
    for source, answers in second_answers(model).items():
        if answers.pairs:
            yield (
                f"Repeatability in {source}: {answers.pairs - answers.verdicts_changed} of {answers.pairs} verdicts "
                f"are the same, margins differ by at most {answers.largest_change:.1e}."
            )
    if sample := precision_sample(model):
        yield (
            f"Precision: {sample.pairs - sample.verdicts_changed} of {sample.pairs} verdicts in {sample.precision} are "
            f"the same as in {sample.precision_before}, margins differ by at most {sample.largest_change:.1e}."
        )


DIAGNOSTICS: tuple[Callable[[ModelSummary], Iterator[str]], ...] = (
    _baselines,
    _monotonicity,
    _p_test,
    _thresholds,
    _visibility,
    _strata,
    _calibration,
    _repeatability,
)
"""One function per diagnostic, in the order of the takeaways."""


def _decimals(estimate: Estimate, digits: int = 2) -> str:
    return "" if estimate.interval is None else f" [{', '.join(f'{end:.{digits}f}' for end in estimate.interval)}]"
