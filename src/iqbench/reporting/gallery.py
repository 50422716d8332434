"""The gallery: each model's most confident mistakes with their pictures, as HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from iqbench.reporting.degradation_types import type_order
from iqbench.reporting.html_templates import render
from iqbench.results.model_summary import Mistake, ModelSummary, TypeMistakes
from iqbench.results.reader import Run
from iqbench.results.schema import GalleryPicture
from iqbench.results.summary import Summary

MAX_FIGURES = 140
"""Mistakes in one report: all that ``gallery=4`` keeps of five models, and fewer of each where there are more, so that
a page stays below 20 megabytes however many models it compares."""

Pictures = Mapping[tuple[str, str, str], GalleryPicture]
"""Pictures by model fingerprint, photo sha256 and variant."""


def stored_pictures(runs: Sequence[Run]) -> Pictures:
    """Return the pictures that runs stored, by model fingerprint, photo sha256 and variant."""
    pictures = {}
    for run in runs:
        for row in run.gallery.to_dict("records"):
            picture = GalleryPicture(**{str(key): value for key, value in row.items()})
            pictures[run.identity["model_fingerprint"], picture.sha256, picture.variant] = picture
    return pictures


@dataclass(frozen=True)
class GalleryType:
    """A model's mistakes on one degradation type: their counts, and the most confident ones with their pictures."""

    name: str
    wrong: int
    pairs: int
    figures: list[tuple[Mistake, GalleryPicture | None]]


def gallery(summary: Summary, pictures: Pictures) -> Markup:
    """Return the most confident mistakes of each model and type as HTML.

    Both photos of a pair stand side by side: whole, in detail at 100 %, and as model input.

    Args:
        summary: The summary.
        pictures: The pictures of mistakes that the run stored.
    """
    types = type_order(summary)
    most = figures_per_type(summary)
    models = {
        ranked.model: sorted(
            _by_type(summary.models[ranked.model], types, pictures, most),
            key=lambda of_type: -of_type.wrong / of_type.pairs,
        )
        for ranked in summary.ranking
    }
    kept = max((len(of_type.worst) for model in summary.models.values() for of_type in _mistakes(model)), default=0)
    return render("gallery.html.j2", models=models, most=most, kept=kept)


def figures_per_type(summary: Summary) -> int:
    """Return how many mistakes of each model and type a report shows: all that are kept, unless they are too many."""
    counts = [len(of_type.worst) for model in summary.models.values() for of_type in _mistakes(model)]
    most = max(counts, default=1)
    while most > 1 and sum(min(count, most) for count in counts) > MAX_FIGURES:
        most -= 1
    return most


def _mistakes(model: ModelSummary) -> Iterable[TypeMistakes]:
    return model.failures_by_type.values()


def _by_type(model: ModelSummary, types: list[str], pictures: Pictures, most: int) -> list[GalleryType]:
    mistakes = {kind: model.failures_by_type[kind] for kind in types if kind in model.failures_by_type}
    return [
        GalleryType(
            kind,
            of_type.wrong,
            of_type.pairs,
            [
                (mistake, pictures.get((model.fingerprint, mistake.sha256, f"{kind}/{mistake.level}")))
                for mistake in of_type.worst[:most]
            ],
        )
        for kind, of_type in mistakes.items()
        if of_type.worst
    ]
