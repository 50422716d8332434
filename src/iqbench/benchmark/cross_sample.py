"""The cross-photo sample: originals of some photos against degraded copies of others, of a model without scores.

A model with scores needs none: its margin about any two photos is the difference of two stored scores. Other
models compare two encodings. Those of the sampled photos are kept while the run scores them, so the sample costs
little more than its margins. A model whose margins are all of its work is not asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from iqbench import photos
from iqbench.benchmark.cross_pairs import cross_sample, partners
from iqbench.benchmark.pair_margins import Margins, PhotoEncodings, margins_of
from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.inference.batching import one_torch_thread
from iqbench.interfaces import CostlyPairs, PhotoFile, is_scorer
from iqbench.progress import track
from iqbench.results.schema import CrossPairRow
from iqbench.results.store import CrossKey, Store


@dataclass
class SampleEncodings:
    """The encodings of the sampled photos that this process has scored, on the CPU.

    Args:
        files: The sampled photos, in the order of `cross_sample`; none for a model with scores or with costly pairs.
    """

    files: Sequence[PhotoFile]
    by_name: dict[str, "EncodedPhoto"] = field(default_factory=dict)

    @classmethod
    def of(cls, task: BenchmarkTask, files: Sequence[PhotoFile]) -> "SampleEncodings":
        """Return the still empty encodings for the sample of a run.

        Args:
            task: The work of the run.
            files: All photos of the source, of which the run may score a shard.
        """
        by_name = {file.name: file for file in files}
        return cls(
            []
            if is_scorer(task.model) or isinstance(task.model, CostlyPairs)
            else [by_name[name] for name in cross_sample(list(by_name))]
        )

    def keep(self, photo: ScoredPhoto) -> None:
        """Keep the encodings of a photo that is in the sample and could be read."""
        name, sha256 = photo.record.name, photo.record.sha256
        if sha256 is not None and any(file.name == name for file in self.files):
            self.by_name[name] = EncodedPhoto(sha256, replace(photo.encodings, values=photo.encodings.values.cpu()))


@dataclass(frozen=True)
class EncodedPhoto:
    """The content hash of a photo, and the encodings of its pictures."""

    sha256: str
    encodings: PhotoEncodings


def score_cross_sample(store: Store, task: BenchmarkTask, sample: SampleEncodings) -> None:
    """Bring a store's pairs of different photos up to date.

    A photo whose encodings were not kept, because an earlier process scored it or another shard does, is encoded
    again. A photo that is missing, or that has changed since the run, leaves holes.

    Args:
        store: The store of a run whose photos are scored.
        task: The work of the run.
        sample: The sample with the encodings that were kept.
    """
    if not sample.files:
        return
    degraded = [at for at, variant in enumerate(task.variants, start=1) if variant.group != "control"]
    sha256 = _contents(store, sample.files)
    own = {file.name for file in task.files}
    planned = {
        (photo, original, sha256[original])
        for photo, original in partners([file.name for file in sample.files])
        if photo in own and {photo, original} <= sha256.keys()
    }
    missing = sorted(planned - store.crossed_photos(len(degraded)))
    rows: list[CrossPairRow] = []
    if missing:
        _encode_missing(task, sample, {name: sha256[name] for key in missing for name in key[:2]})
        with one_torch_thread():
            for key in track(missing, "pairs of different photos", len(missing)):
                rows += _compare(task, sample.by_name, key, degraded)
    store.update_cross_pairs(rows, keep=planned)


def _contents(store: Store, files: Sequence[PhotoFile]) -> dict[str, str]:
    """Return the sha256 of each sampled photo that is there, and is the one that this run scored if it did."""
    scored, contents = store.readable_photos(), {}
    for file in files:
        try:
            sha256 = photos.sha256_of(file.path)
        except (photos.PhotoError, OSError):
            continue
        if scored.get(file.name, sha256) == sha256:
            contents[file.name] = sha256
    return contents


def _encode_missing(task: BenchmarkTask, sample: SampleEncodings, sha256: dict[str, str]) -> None:
    """Encode photos again whose encodings were not kept: with the copies if this run scores them, else without."""
    own = {file.name for file in task.files}
    lacking = [
        file
        for file in sample.files
        if file.name in sha256
        and (file.name not in sample.by_name or sample.by_name[file.name].sha256 != sha256[file.name])
    ]
    for variants, files in (
        (task.variants, [file for file in lacking if file.name in own]),
        ([], [file for file in lacking if file.name not in own]),
    ):
        if files:
            again = replace(task, files=files, variants=variants)
            for photo in track(score_pairs(again), "encodings of sampled photos", len(files)):
                sample.keep(photo)


def _compare(
    task: BenchmarkTask, encoded: dict[str, EncodedPhoto], key: CrossKey, degraded: Sequence[int]
) -> list[CrossPairRow]:
    """Return the answers about the copies of one photo: the other photo's original takes the place of its own."""
    photo, original, sha256 = key
    if not {photo, original} <= encoded.keys() or encoded[original].sha256 != sha256:
        return []  # it changed or broke a moment ago
    crossed = encoded[photo].encodings.with_original_of(encoded[original].encodings)
    pictures = replace(crossed, values=crossed.values.to(task.engine.torch_device))
    answers = margins_of(task.model, pictures, [(0, at) for at in degraded])
    return [
        CrossPairRow(photo, task.key(at), original, sha256, answer.forward, answer.backward)
        for (_, at), answer in answers.items()
        if isinstance(answer, Margins) and answer.finite
    ]
