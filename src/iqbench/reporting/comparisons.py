"""The pairs of photos on which two models disagree, with their pictures and both verdicts, for report.html."""

from dataclasses import dataclass

from iqbench.benchmark.comparison_pictures import key_of
from iqbench.reporting.text_format import one_line, percent
from iqbench.results.comparison_pictures import ComparisonPicture, ComparisonPictures
from iqbench.results.model_agreement import GmadPair, ModelAgreement, PairToLookAt


@dataclass(frozen=True)
class ComparisonFigure:
    """A pair of photos: what it shows, the verdict of each model, and the pictures, if there are any."""

    title: str
    verdicts: list[str]
    picture: ComparisonPicture | None


def comparison_figures(
    agreement: ModelAgreement, pictures: ComparisonPictures
) -> list[tuple[str, list[ComparisonFigure]]]:
    """Return the pairs to look at of two models under their headings, without headings that have none."""
    a, b = one_line(agreement.a), one_line(agreement.b)
    groups: dict[str, list[PairToLookAt]] = {
        "A photo and its own copy: opposite verdicts": [*agreement.disagreements],
        f"Different photos: {a} sees no difference, {b} is sure": [p for p in agreement.gmad if p.defender == "a"],
        f"Different photos: {b} sees no difference, {a} is sure": [p for p in agreement.gmad if p.defender == "b"],
    }
    return [
        (heading, [_figure(pair, a, b, pictures.get(key_of(pair))) for pair in pairs])
        for heading, pairs in groups.items()
        if pairs
    ]


def _figure(pair: PairToLookAt, a: str, b: str, picture: ComparisonPicture | None) -> ComparisonFigure:
    copy = f"{one_line(pair.ladder)} {one_line(pair.level)} (severity {pair.severity})"
    title, defender = f"{one_line(pair.photo)} and its copy, {copy}", None
    if isinstance(pair, GmadPair):
        title, defender = f"{one_line(pair.original)} and a copy of {one_line(pair.photo)}, {copy}", pair.defender
    verdicts = [
        f"{a} {verdict_text(pair.probability_a, defender == 'a')}",
        f"{b} {verdict_text(pair.probability_b, defender == 'b')}",
    ]
    return ComparisonFigure(title, verdicts, picture)


def verdict_text(probability: float, defends: bool = False) -> str:
    """Return a calibrated verdict in words.

    Args:
        probability: The probability that the original is better.
        defends: Whether the model sees no difference.

    Example:
        >>> verdict_text(0.971), verdict_text(0.25), verdict_text(0.52, defends=True)
        ('prefers the original (97.1 %)', 'prefers the copy (75.0 %)', 'sees no difference (original better: 52.0 %)')
    """
    if defends:
        return f"sees no difference (original better: {percent(probability)} %)"
    side, sure = ("original", probability) if probability > 0.5 else ("copy", 1 - probability)
    return f"prefers the {side} ({percent(sure)} %)"
