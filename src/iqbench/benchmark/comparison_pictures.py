"""Pictures of the pairs on which two models disagree: those that are kept, and those that the photos still give."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iqbench import photos
from iqbench.benchmark.pictures import detail_pair, each_whole, jpeg, middles, whole_pair
from iqbench.inference.failures import raise_if_fatal
from iqbench.interfaces import Photo, PhotoContext, PhotoFile, Variant
from iqbench.results.comparison_pictures import ComparisonPicture, ComparisonPictures, PairKey
from iqbench.results.model_agreement import GmadPair, ModelAgreement, PairToLookAt

MAX_FIGURES = 63
"""Pairs with pictures in one report, so that it stays a few megabytes however many models it compares."""


@dataclass(frozen=True)
class Catalogue:
    """The photos and variants of a benchmark, by name and key: what a picture is made from."""

    files: Mapping[str, PhotoFile]
    variants: Mapping[str, Variant]


def key_of(pair: PairToLookAt) -> PairKey:
    """Return the key of a pair's pictures."""
    original = pair.original_sha256 if isinstance(pair, GmadPair) else pair.sha256
    return original, pair.sha256, f"{pair.degradation_type}/{pair.level}"


def shown_pairs(agreements: Sequence[ModelAgreement]) -> list[PairToLookAt]:
    """Return the pairs that are shown with pictures, each picture once: the first of every two models come first."""
    listed: list[list[PairToLookAt]] = [[*agreement.disagreements, *agreement.gmad] for agreement in agreements]
    ranks = range(max(map(len, listed), default=0))
    shown = [pair for rank in ranks for pairs in listed for pair in pairs[rank : rank + 1]]
    return list({key_of(pair): pair for pair in shown[:MAX_FIGURES]}.values())


def comparison_pictures(
    agreements: Sequence[ModelAgreement], kept: ComparisonPictures, catalogue: Callable[[], Catalogue] | None
) -> list[ComparisonPicture]:
    """Return the pictures of the pairs that are shown.

    A photo that is missing, has changed or cannot be read has no new picture.

    Args:
        agreements: The agreements of models, with their pairs to look at.
        kept: The pictures that an earlier report made.
        catalogue: Returns the photos, called only if a picture is missing; None where the photos are not known.
    """
    shown = shown_pairs(agreements)
    missing = [pair for pair in shown if key_of(pair) not in kept]
    pictures = [kept[key_of(pair)] for pair in shown if key_of(pair) in kept]
    return [*pictures, *_pictures(missing, catalogue())] if missing and catalogue else pictures


def _pictures(pairs: Sequence[PairToLookAt], catalogue: Catalogue) -> Iterator[ComparisonPicture]:
    for pair in pairs:
        original_sha256, sha256, key = key_of(pair)
        other = pair.original if isinstance(pair, GmadPair) else pair.photo
        original, photo = _pixels(catalogue, other, original_sha256), _pixels(catalogue, pair.photo, sha256)
        if original is None or photo is None or key not in catalogue.variants:
            continue
        try:
            context = PhotoContext(catalogue.files[pair.photo], list(catalogue.files.values()))
            degraded = catalogue.variants[key].picture(photo, context)
        except BaseException as error:  # noqa: BLE001 - of other people's code
            raise_if_fatal(error)
            continue
        same = original_sha256 == sha256
        whole = (whole_pair if same else each_whole)(original, degraded)
        detail = (detail_pair if same else middles)(original, degraded)
        yield ComparisonPicture(original_sha256, sha256, key, *map(jpeg, (*whole, *detail)))


def _pixels(catalogue: Catalogue, name: str, sha256: str) -> Photo | None:
    """Return a photo, None if it is not the one that was judged."""
    file = catalogue.files.get(name)
    if file is None:
        return None
    try:
        decoded = photos.read(file.path, file.limits)
    except photos.PhotoError:
        return None
    return decoded.pixels if decoded.sha256 == sha256 else None
