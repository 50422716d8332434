"""Scoring of pairs, with models made for each question."""

import threading
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from fixtures.error_texts import without_place
from fixtures.tiny_models import siamese
from iqbench import photos
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.crop import crop_center_ladder
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.errors import Stopped, UsageError
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.worker import PhotoRecord
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile, QualityModel, Scorer, Variant
from iqbench.protocol import Protocol, decide
from iqbench.results.schema import ORIGINAL, PairRow

FAIR = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=1e-6)
DEGRADATIONS = {
    "blur": blur_ladder([1, 2, 4]),
    "exposure": exposure_ladders([-2, -1, 1], "encoded"),
    "crop_center": crop_center_ladder([0.7, 0.6]),
}


def variants() -> list[Variant]:
    return suite(DEGRADATIONS) + controls()


def engine_config(batch_size: int = 8, workers: int = 0, precision: str = "fp32") -> EngineConfig:
    return EngineConfig.for_api("cpu", batch_size, workers, precision)


def run(
    model: QualityModel,
    files: list[PhotoFile],
    engine: EngineConfig | None = None,
    suite_: list[Variant] | None = None,
) -> tuple[list[PhotoRecord], list[PairRow]]:
    task = BenchmarkTask(model, files, variants() if suite_ is None else suite_, engine or engine_config())
    scored = list(score_pairs(task))
    return [photo.record for photo in scored], [pair for photo in scored for pair in photo.pairs]


def verdicts(pairs: list[PairRow]) -> pd.DataFrame:
    table = pd.DataFrame([asdict(pair) for pair in pairs])
    table = table.rename(columns={"score_reference": "score_original", "score_variant": "score_degraded"})
    return decide(table.astype({"forward": float, "backward": float}), FAIR)


class Brightness(Scorer):
    """Prefers the brighter photo; counts what it is asked."""

    def __init__(self) -> None:
        self.prepared, self.encoded, self.compared, self.batches = 0, 0, 0, []

    def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
        self.prepared += 1
        return torch.tensor([photo.mean()], dtype=torch.float64)

    def encode(self, inputs: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
        self.encoded += len(inputs)
        self.batches.append(len(inputs))
        return inputs


class Failing(Brightness):
    """Does ``harm`` where the picture is brighter than ``limit``."""

    def __init__(self, limit: float, harm: str) -> None:
        super().__init__()
        self.limit, self.harm = limit, harm

    def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
        if self.harm == "prepare" and photo.mean() > self.limit:
            raise ValueError("too bright\nto look at")
        return super().prepare(photo)

    def encode(self, inputs: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
        bright = inputs > self.limit
        if self.harm == "encode" and bool(bright.any()):
            raise RuntimeError("too bright\nto look at")
        if self.harm == "index" and bool(bright.any()):
            raise IndexError("too bright\nto look at")
        if self.harm == "bug" and bool(bright.any()):
            raise AttributeError("a bug")
        if self.harm == "memory" and bool(bright.any()):
            raise MemoryError
        if self.harm == "import" and bool(bright.any()):
            raise ImportError("libgpu.so: not found")
        if self.harm == "device" and bool(bright.any()):
            raise torch.AcceleratorError("CUDA error: unspecified launch failure")
        if self.harm == "disk" and bool(bright.any()):
            raise OSError(28, "no space left")
        return torch.where(bright, float(self.harm), inputs) if self.harm in ("nan", "inf") else inputs


class FirstPlaceLover:
    """A judge that breaks the promise: it adds a constant for whatever stands first."""

    def __init__(self, judge: QualityModel, love: float) -> None:
        self.judge, self.love = judge, love

    def prepare(self, photo: Photo) -> Tensor:
        return self.judge.prepare(photo)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.judge.encode(inputs)

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return self.judge.margin(first, second) + self.love


def planned(files: list[PhotoFile]) -> list[tuple[str, str, str]]:
    """The cells worked out by hand for the variants above: 10 against the original, and 4 adjacent levels."""
    levels = ["blur/1.0", "blur/2.0", "blur/4.0", "exposure/-1", "exposure/-2", "exposure/1"]
    levels += ["crop_center/70pct", "crop_center/60pct", "control/identity", "control/reencode"]
    steps = [("blur/1.0", "blur/2.0"), ("blur/2.0", "blur/4.0")]
    steps += [("exposure/-1", "exposure/-2"), ("crop_center/70pct", "crop_center/60pct")]
    return [(file.name, *pair) for file in files for pair in [*((ORIGINAL, level) for level in levels), *steps]]


def cells(pairs: list[PairRow]) -> list[tuple[str, str, str]]:
    return [(pair.photo, pair.reference, pair.variant) for pair in pairs]


def test_every_planned_cell_has_a_row_and_adjacent_levels_are_among_them(files: list[PhotoFile]) -> None:
    rows, pairs = run(Brightness(), files)
    assert Counter(cells(pairs)) == Counter(planned(files))
    assert [row.name for row in rows] == ["./a.png", "./b.png", "./c.png"]
    assert {pair.status for pair in pairs} == {"ok"}


def test_a_photo_is_decoded_once_and_each_picture_prepared_and_encoded_once(
    files: list[PhotoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, read = Counter(), photos.read

    def counting(path: Path, *limits: photos.Limits) -> photos.DecodedPhoto:
        reads[path.name] += 1
        return read(path, *limits)

    monkeypatch.setattr(photos, "read", counting)
    applied = Counter()

    def counted(variant: Variant) -> Variant:
        def apply(photo: Photo) -> Photo:
            applied[variant.key] += 1
            return variant.apply(photo)

        return Variant(variant.type, variant.group, variant.ladder, variant.level, variant.severity, apply)

    model = Brightness()
    run(model, files, suite_=[counted(variant) for variant in variants()])
    assert reads == {"a.png": 1, "b.png": 1, "c.png": 1}
    assert set(applied.values()) == {3}
    assert (model.prepared, model.encoded) == (3 * 11, 3 * 11)
    assert max(model.batches) == 8


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_are_no_larger_than_they_may_be(files: list[PhotoFile], batch_size: int) -> None:
    model = Brightness()
    run(model, files, engine_config(batch_size))
    assert max(model.batches) == batch_size


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (3, 0), (64, 0), (8, 2)])
def test_the_answers_do_not_depend_on_batches_or_workers(files: list[PhotoFile], batch_size: int, workers: int) -> None:
    expected = run(siamese(), files, engine_config(8, 0))
    rows, pairs = run(siamese(), files, engine_config(batch_size, workers))
    assert rows == expected[0]
    assert cells(pairs) == cells(expected[1])
    for pair, same in zip(pairs, expected[1], strict=True):
        assert (pair.forward, pair.backward) == pytest.approx((same.forward, same.backward), abs=1e-5)
        assert pair.input_change == same.input_change
        assert pair.variant_statistics == same.variant_statistics
    assert verdicts(pairs)["correct"].tolist() == verdicts(expected[1])["correct"].tolist()


class SideBySide(nn.Module, Scorer):
    """A network of no weights that waits in its first batch until a second one is encoded at the same time."""

    thread_safe = True

    def __init__(self) -> None:
        super().__init__()
        self.met, self.barrier = False, threading.Barrier(2)
        self.threads, self.threads_comparing = set[int](), set[int]()

    def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
        return torch.tensor([photo.mean()], dtype=torch.float64)

    def encode(self, inputs: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
        self.threads.add(torch.get_num_threads())
        if not self.met:
            self.barrier.wait(timeout=60)
            self.met = True
        return inputs

    def margin(self, first: Float[Tensor, "n 1"], second: Float[Tensor, "n 1"]) -> Float[Tensor, "n"]:
        self.threads_comparing.add(torch.get_num_threads())
        return super().margin(first, second)


def test_a_networks_batches_are_encoded_side_by_side_on_a_thread_each(
    files: list[PhotoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqbench.inference.engine_config.available_cores", lambda: 2)
    thread_count, model = torch.get_num_threads(), SideBySide()
    _, pairs = run(model, files, engine_config(4))
    assert pairs == run(Brightness(), files)[1]
    assert (model.met, model.threads, model.threads_comparing) == (True, {1}, {1})
    assert torch.get_num_threads() == thread_count


@pytest.mark.parametrize("cores", [1, 3, 8])
def test_the_answers_are_the_same_to_the_bit_on_any_number_of_cores(
    files: list[PhotoFile], cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqbench.inference.engine_config.available_cores", lambda: 2)
    expected = run(siamese(), files, engine_config(4))
    monkeypatch.setattr("iqbench.inference.engine_config.available_cores", lambda: cores)
    assert run(siamese(), files, engine_config(4)) == expected


def test_one_inference_thread_has_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqbench.inference.engine_config.available_cores", lambda: 6)
    engines = {count: replace(engine_config(), inference_threads=count) for count in ("auto", 1, 4, 9)}
    assert {count: (e.inference_thread_count, e.threads_per_batch) for count, e in engines.items()} == {
        "auto": (6, 1),
        1: (1, 6),
        4: (4, 1),
        9: (9, 1),
    }


def test_scores_and_margins_are_those_of_the_photos(files: list[PhotoFile]) -> None:
    _, pairs = run(Brightness(), files)
    means = {file.name: photos.read(file.path).pixels.mean() for file in files}
    for pair in pairs:
        assert pair.forward == -pair.backward == pair.score_reference - pair.score_variant
        if pair.reference == ORIGINAL:
            assert pair.score_reference == means[pair.photo]
            assert pair.input_change == pytest.approx(abs(pair.score_reference - pair.score_variant))
        else:
            assert pair.input_change is None
    by_cell = {(pair.photo, pair.reference, pair.variant): pair for pair in pairs}
    step = by_cell["./a.png", "exposure/-1", "exposure/-2"]
    assert step.score_reference == by_cell["./a.png", ORIGINAL, "exposure/-1"].score_variant
    assert step.forward > 0  # the darker one is the worse one, also between two levels


def test_a_judge_without_scores_has_none_in_its_rows(files: list[PhotoFile]) -> None:
    _, pairs = run(siamese(), files)
    assert {(pair.score_reference, pair.score_variant) for pair in pairs} == {(None, None)}


def test_the_photos_rows_say_what_was_read(files: list[PhotoFile]) -> None:
    rows, pairs = run(Brightness(), files)
    assert [(row.width, row.height) for row in rows] == [(80, 60), (53, 81), (64, 64)]
    for row, file in zip(rows, files, strict=True):
        assert (row.sha256, row.file_bytes) == (photos.read(file.path).sha256, file.path.stat().st_size)
    pixels = {(pair.photo, pair.variant): pair.variant_statistics.pixels for pair in pairs}
    assert pixels["./a.png", "crop_center/70pct"] == 42 * 56
    assert pixels["./a.png", "blur/1.0"] == 60 * 80


def test_the_identity_control_ties_and_the_reencoded_photo_is_another(files: list[PhotoFile]) -> None:
    _, pairs = run(siamese(), files)
    pairs_by_variant = {pair.variant: pair for pair in pairs}
    assert (pairs_by_variant["control/identity"].forward, pairs_by_variant["control/identity"].backward) == (0.0, 0.0)
    assert pairs_by_variant["control/identity"].input_change == 0.0
    assert pairs_by_variant["control/reencode"].input_change > 0.0


class Thumbnail(Brightness):
    """Sees 32 by 32 pixels, as whole numbers or not."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def prepare(self, photo: Photo) -> Shaped[Tensor, "32 32 3"]:
        return torch.from_numpy(photo[:32, :32].copy()).to(self.dtype)

    def encode(self, inputs: Shaped[Tensor, "n 32 32 3"]) -> Float[Tensor, "n 1"]:
        return inputs.double().mean(dim=(1, 2, 3))[:, None]


def test_the_change_of_a_models_input_is_the_same_for_whole_numbers(files: list[PhotoFile]) -> None:
    (_, integer_pairs), (_, real) = (run(Thumbnail(dtype), files) for dtype in (torch.uint8, torch.float64))
    assert integer_pairs == real
    assert max(pair.input_change_max or 0 for pair in integer_pairs) > 100


# What goes wrong


class Endless(Brightness):
    """Its inputs are infinite, and still know how they were made."""

    def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
        return torch.tensor([float("inf")], requires_grad=True) * 2


def test_infinite_inputs_have_rows_that_say_so_and_no_change(files: list[PhotoFile]) -> None:
    _, pairs = run(Endless(), files)
    assert {(pair.status, pair.input_change) for pair in pairs} == {("nonfinite", None)}


class Writing(Brightness):
    """Writes into the picture that it is handed, if it can."""

    def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
        photo[:] = 0
        return super().prepare(photo)


def test_a_model_cannot_change_the_picture_that_others_look_at(files: list[PhotoFile]) -> None:
    rows, pairs = run(Writing(), files)
    assert {(pair.status, pair.score_variant) for pair in pairs} == {("ok", 0.0)}
    plain_rows, plain_pairs = run(Brightness(), files)
    assert rows == plain_rows
    assert [pair.variant_statistics for pair in pairs] == [pair.variant_statistics for pair in plain_pairs]


def test_an_unreadable_photo_has_its_code_in_all_its_rows_and_costs_no_other(files: list[PhotoFile]) -> None:
    files[1].path.write_bytes(files[1].path.read_bytes()[:200])
    missing = PhotoFile("./gone.png", files[0].path.parent / "gone.png")
    rows, pairs = run(Brightness(), [*files, missing])
    assert [row.status for row in rows] == ["ok", "corrupt", "ok", "vanished"]
    assert Counter(cells(pairs)) == Counter(planned([*files, missing]))
    for pair in pairs:
        expected = {"./b.png": "corrupt", "./gone.png": "vanished"}.get(pair.photo, "ok")
        assert pair.status == expected
        assert (pair.error == "") is (expected == "ok")
        assert (pair.forward is None) is (expected != "ok")
    assert rows[1].sha256 is None


def touched(pairs: list[PairRow], variant: str) -> dict[bool, set[str]]:
    """The statuses of the rows in which the variant takes part, and of all others."""
    statuses: dict[bool, set[str]] = {True: set(), False: set()}
    for pair in pairs:
        statuses[variant in (pair.reference, pair.variant)].add(pair.status)
    return statuses


@pytest.mark.parametrize("batch_size", [1, 4, 64])
@pytest.mark.parametrize(
    ("harm", "status"),
    [
        ("encode", "model_error"),
        ("index", "model_error"),
        ("nan", "nonfinite"),
        ("inf", "nonfinite"),
        ("prepare", "prepare_error"),
    ],
)
def test_a_picture_that_the_model_fails_on_costs_only_its_own_rows(
    files: list[PhotoFile], batch_size: int, harm: str, status: str
) -> None:
    bright = [variant.apply(photos.read(file.path).pixels).mean() for file in files for variant in variants()]
    brightest = sorted(bright)[-3:]  # exposure/1, of the three photos
    model = Failing((brightest[0] + sorted(bright)[-4]) / 2, harm)
    _, pairs = run(model, files, engine_config(batch_size))
    assert touched(pairs, "exposure/1") == {True: {status}, False: {"ok"}}
    assert Counter(cells(pairs)) == Counter(planned(files))
    for pair in pairs:
        if pair.status != "ok":
            assert (pair.forward, pair.backward, pair.score_reference, pair.score_variant) == (None,) * 4
            assert pair.error.isprintable()
            assert len(pair.error) > 10


def test_a_photo_whose_original_fails_has_no_answer_but_between_its_levels(files: list[PhotoFile]) -> None:
    class Picky(Brightness):
        def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
            if photo.shape[:2] == (60, 80) and np.array_equal(photo, original):
                raise ValueError("not that one")
            return super().prepare(photo)

    original = photos.read(files[0].path).pixels
    _, pairs = run(Picky(), files)
    failed = [pair for pair in pairs if pair.status != "ok"]
    assert {pair.photo for pair in failed} == {"./a.png"}
    assert sum(pair.reference == ORIGINAL for pair in failed) == len(failed) == 10
    assert {pair.input_change for pair in failed} == {None}


@pytest.mark.parametrize("size", [4, 64])
def test_a_batch_that_does_not_fit_into_the_devices_memory_is_halved(files: list[PhotoFile], size: int) -> None:
    class Large(Brightness):
        def encode(self, inputs: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
            if len(inputs) > 2:
                raise torch.OutOfMemoryError("out of memory: tried to allocate 2 GiB")
            return super().encode(inputs)

    model = Large()
    assert run(model, files, engine_config(size))[1] == run(Brightness(), files)[1]
    assert max(model.batches) == 2


def test_a_picture_that_does_not_fit_into_the_devices_memory_at_all_says_so(files: list[PhotoFile]) -> None:
    class Huge(Brightness):
        def encode(self, inputs: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
            raise torch.OutOfMemoryError("out of memory: tried to allocate 2 GiB")

    _, pairs = run(Huge(), files)
    start = "a single picture does not fit into the device's memory (OutOfMemoryError: out of memory: tried to allocate"
    assert {pair.status for pair in pairs} == {"model_error"}
    assert all(pair.error.startswith(start) for pair in pairs)


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        ("memory", MemoryError),
        ("import", UsageError),
        ("disk", OSError),
        ("device", Stopped),
    ],
)
def test_a_bad_machine_stops_the_run(files: list[PhotoFile], harm: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        run(Failing(0.0, harm), files)


def test_a_bug_costs_the_rows_that_show_it(files: list[PhotoFile]) -> None:
    _, pairs = run(Failing(0.0, "bug"), files)
    assert {(pair.status, without_place(pair.error)) for pair in pairs} == {("model_error", "AttributeError: a bug")}


class RefusingOneOrder(FirstPlaceLover):
    """A judge that answers only where it prefers the photo that stands first."""

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        margin = super().margin(first, second)
        return torch.where(margin < 0, torch.full_like(margin, self.love), margin)


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), float("-inf")])
def test_an_answer_in_one_order_only_is_none(files: list[PhotoFile], answer: float) -> None:
    _, pairs = run(RefusingOneOrder(siamese(), answer), files)
    assert {pair.status for pair in pairs} <= {"nonfinite", "ok"}
    decided = [pair for pair in pairs if pair.status == "ok"]
    assert all(pair.forward == pair.backward == 0 for pair in decided)  # a tie has no order to refuse
    assert len(decided) < len(pairs)


def test_a_margin_that_is_no_number_is_nonfinite(files: list[PhotoFile]) -> None:
    _, pairs = run(FirstPlaceLover(siamese(), float("nan")), files)
    assert {pair.status for pair in pairs} == {"nonfinite"}
    assert {(pair.forward, pair.backward) for pair in pairs} == {(None, None)}


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_a_pair_that_the_model_cannot_compare_costs_only_its_own_row(files: list[PhotoFile], order: str) -> None:
    bright = sorted(variant.apply(photos.read(files[0].path).pixels).mean() for variant in variants())[-1]

    class Speechless(Brightness):
        def margin(self, first: Float[Tensor, "n 1"], second: Float[Tensor, "n 1"]) -> Float[Tensor, "n"]:
            values = second if order == "forward" else first
            if bool((values == bright).any()):
                raise IndexError("no words\nfor it")
            return (first - second).squeeze(1)

    _, pairs = run(Speechless(), files)
    bad = [(pair.photo, pair.reference, pair.variant, pair.status) for pair in pairs if pair.status != "ok"]
    assert bad == [("./a.png", ORIGINAL, "exposure/1", "model_error")]
    assert {without_place(pair.error) for pair in pairs} == {"", "IndexError: no words for it"}
    assert {pair.forward for pair in pairs if pair.status != "ok"} == {None}


def test_an_encoding_that_is_no_number_is_nonfinite_though_the_margin_hides_it(files: list[PhotoFile]) -> None:
    class Hiding:
        def prepare(self, photo: Photo) -> Float[Tensor, "2"]:
            return torch.tensor([float("nan") if len(photo) == 81 else 1.0, photo.mean()], dtype=torch.float64)

        def encode(self, inputs: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2"]:
            return inputs

        def margin(self, first: Float[Tensor, "n 2"], second: Float[Tensor, "n 2"]) -> Float[Tensor, "n"]:
            return first[:, 1] - second[:, 1]

    _, pairs = run(Hiding(), files, suite_=suite({"blur": DEGRADATIONS["blur"]}))
    assert {(pair.photo, pair.status) for pair in pairs} == {
        ("./a.png", "ok"),
        ("./b.png", "nonfinite"),
        ("./c.png", "ok"),
    }


def test_a_degradation_that_fails_costs_only_its_own_rows(files: list[PhotoFile]) -> None:
    def fail(photo: Photo) -> Photo:
        if len(photo) == 81:
            raise ValueError("not at this height")
        return photo

    failing_suite = suite({"own": Degradation("technical", [Ladder("", [Level("1", fail)])])})
    _, pairs = run(Brightness(), files, suite_=[*suite(DEGRADATIONS), *failing_suite])
    bad = [(pair.photo, pair.variant, pair.status, without_place(pair.error)) for pair in pairs if pair.status != "ok"]
    assert bad == [("./b.png", "own/1", "prepare_error", "ValueError: not at this height")]


def test_damage_that_cannot_be_made_of_a_photo_has_a_row_with_the_reason(files: list[PhotoFile]) -> None:
    def remove(photo: Photo, context: PhotoContext | None) -> Photo:
        assert context is not None
        assert list(context.source_files) == files
        if context.file.name == "./b.png":
            raise NotApplicable("no clear subject")
        return photo // 2

    ladder = Ladder("", [Level("1", remove, needs_context=True)])
    _, pairs = run(Brightness(), files, suite_=suite({"own": Degradation("technical", [ladder])}))
    assert [(pair.photo, pair.status, pair.error) for pair in pairs] == [
        ("./a.png", "ok", ""),
        ("./b.png", "not_applicable", "no clear subject"),
        ("./c.png", "ok", ""),
    ]


# Position


@pytest.mark.parametrize("love", [0.01, 3.0, -3.0])
def test_a_love_for_the_first_place_changes_no_verdict(files: list[PhotoFile], love: float) -> None:
    fair_pairs = run(siamese(), files)[1]
    biased_pairs = run(FirstPlaceLover(siamese(), love), files)[1]
    fair, biased = verdicts(fair_pairs), verdicts(biased_pairs)
    assert len(set(fair["correct"])) == 3  # right, wrong and tied: there is something to compare
    assert biased["prediction"].equals(fair["prediction"])
    assert biased["correct"].tolist() == fair["correct"].tolist()
    if abs(love) > 1:
        assert not biased["order_consistent"].any()
        legacy = Protocol("legacy", orders="original_first", tie_worth=0.0, tie_margin=0.0)
        table = pd.DataFrame([asdict(pair) for pair in biased_pairs])
        table = table.rename(columns={"score_reference": "score_original", "score_variant": "score_degraded"})
        assert set(decide(table, legacy)["correct"]) == {float(love > 0)}  # as the predecessor's table would have it


# Engine config


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"precision": "fp8"}, "precision"),
        ({"batch_size": 0}, "batch_size"),
        ({"workers": -1}, "workers"),
        ({"workers": "many"}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"batch_size": "many"}, "batch_size"),
        ({"timeout": 0}, "timeout"),
        ({"inference_threads": 0}, "inference_threads"),
        ({"inference_threads": "all"}, "inference_threads"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_key(change: dict[str, object], key: str) -> None:
    with pytest.raises(UsageError, match=rf"engine\.{key}="):
        replace(engine_config(), **change)


@pytest.mark.parametrize("device", ["quantum", "cuda:99", ""])
def test_a_device_that_does_not_exist_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match=rf"engine\.device={device}: not available on this machine"):
        _ = EngineConfig.for_api(device, batch_size=1, workers=0).torch_device


def test_a_network_is_put_into_eval_mode() -> None:
    assert not engine_config().place(siamese().train()).training


def test_lower_precision_changes_margins_little(files: list[PhotoFile]) -> None:
    full = run(siamese(), files)[1]
    bf16_pairs = run(siamese(), files, engine_config(precision="bf16"))[1]
    assert [p.forward for p in bf16_pairs] == pytest.approx([p.forward for p in full], abs=0.05)
    assert [p.forward for p in bf16_pairs] != [p.forward for p in full]
