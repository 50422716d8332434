from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from fixtures.photos import noisy_gradient
from fixtures.tiny_models import examples
from iqbench.datasets.examples import preference_targets
from iqbench.datasets.sampler import EpochSampler
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile
from iqbench.labels import PairTable, VoteTable
from iqbench.preprocessing import Preprocessing


class Learner:
    losses: ClassVar = {"pairs": "bradley_terry", "votes": "emd"}

    preprocessing = Preprocessing("squash", 16)


class PairLearner(Learner):
    losses: ClassVar = {"pairs": "bradley_terry"}


@pytest.fixture
def some(tmp_path: Path) -> tuple[PhotoFile, ...]:
    """Six photos, each brighter than the one before."""
    files = []
    for at in range(6):
        path = tmp_path / f"{at}.png"
        Image.fromarray(noisy_gradient(40, 40, seed=0) // 8 + np.uint8(35 * at)).save(path)
        files.append(PhotoFile(f"./{at}.png", path))
    return tuple(files)


def pairs_of(photos: tuple[PhotoFile, ...]) -> PairTable:
    """Each photo against the next one, which is brighter and better."""
    first = np.arange(len(photos) - 1)
    preference = np.array([0.1, 0.2, 0.3, 0.4, 0.5])[: len(first)]
    return PairTable(photos, first, first + 1, preference, np.ones(len(first)), first // 2)


def votes_of(photos: tuple[PhotoFile, ...]) -> VoteTable:
    counts = np.zeros((len(photos), 10), dtype=int)
    counts[np.arange(len(photos)), np.arange(len(photos))] = 10
    return VoteTable(photos, counts)


def training(table: Any, learner: Any = None, **settings: Any) -> list[Any]:
    chosen, learner = examples(batch_size=2, **settings), learner or Learner()
    labels = chosen.labels_for(table, learner)
    return list(chosen.training(chosen.dataset(labels, learner, True), chosen.sampling_probabilities(labels), None))


def test_a_training_pair_swapped_has_its_label_swapped(some: tuple[PhotoFile, ...]) -> None:
    table, orders = pairs_of(some), []
    for seed in range(10):
        for batch in training(table, seed=seed):
            brighter_first = batch.first.float().mean((1, 2, 3)) > batch.second.float().mean((1, 2, 3))
            expected = torch.tensor(table.preference[batch.row.numpy()]).float()
            torch.testing.assert_close(batch.preference, torch.where(brighter_first, 1 - expected, expected))
            orders += brighter_first.tolist()
    assert 10 < sum(orders) < 40  # of 50


def test_validation_examples_are_the_table_itself(some: tuple[PhotoFile, ...]) -> None:
    table, chosen, learner = pairs_of(some), examples(batch_size=2, label_smoothing=0.5), Learner()
    batches = list(chosen.validation(chosen.dataset(table, learner, False), None))
    assert torch.cat([batch.row for batch in batches]).tolist() == list(range(5))
    assert torch.cat([batch.preference for batch in batches]).tolist() == pytest.approx(table.preference.tolist())


def test_smoothing_moves_training_targets_towards_no_opinion(some: tuple[PhotoFile, ...]) -> None:
    for batch in training(pairs_of(some), label_smoothing=0.2, targets="hard"):
        assert {round(p, 5) for p in batch.preference.tolist()} <= {0.1, 0.5, 0.9}
    for batch in training(votes_of(some), label_smoothing=0.2):
        assert batch.votes.max(1).values.tolist() == pytest.approx([0.82] * len(batch.votes))
        assert batch.votes.sum(1).tolist() == pytest.approx([1.0] * len(batch.votes))


def test_targets_are_worked_out_by_hand() -> None:
    table = PairTable(
        (), *np.zeros((2, 4), int), np.array([0.9, 0.4, 0.5, 0.0]), np.array([1.0, 2, 1, 1]), np.arange(4)
    )
    soft, weight = preference_targets(table, "soft")
    assert (soft.tolist(), weight.tolist()) == ([0.9, 0.4, 0.5, 0.0], [1, 2, 1, 1])
    hard, weight = preference_targets(table, "hard")
    assert (hard.tolist(), weight.tolist()) == ([1, 0, 0.5, 0], [1, 2, 1, 1])
    hard, weight = preference_targets(table, "weighted")
    assert hard.tolist() == [1, 0, 0.5, 0]
    assert weight.tolist() == pytest.approx([0.8 / 0.5, 2 * 0.2 / 0.5, 0.0, 1.0 / 0.5])


def test_a_set_without_any_winner_still_has_weights() -> None:
    table = PairTable((), *np.zeros((2, 2), int), np.full(2, 0.5), np.ones(2), np.arange(2))
    assert preference_targets(table, "weighted")[1].tolist() == [1.0, 1.0]


def test_votes_become_pairs_for_a_model_that_only_compares(some: tuple[PhotoFile, ...]) -> None:
    batches = training(votes_of(some), PairLearner(), min_difference=1.5)
    assert batches
    for batch in batches:
        brighter_first = batch.first.float().mean((1, 2, 3)) > batch.second.float().mean((1, 2, 3))
        assert torch.equal(batch.preference, brighter_first.float())  # everyone agrees here


def test_a_scorer_can_be_made_to_learn_votes_as_pairs(some: tuple[PhotoFile, ...]) -> None:
    assert all(hasattr(batch, "preference") for batch in training(votes_of(some), labels="pairs"))
    assert all(hasattr(batch, "votes") for batch in training(votes_of(some)))


def test_labels_that_the_model_cannot_learn_are_refused(some: tuple[PhotoFile, ...]) -> None:
    with pytest.raises(UsageError, match="labels=votes: this data set has preferences"):
        training(pairs_of(some), labels="votes")
    with pytest.raises(UsageError, match="labels=votes: the model has no loss for votes"):
        training(votes_of(some), PairLearner(), labels="votes")
    with pytest.raises(UsageError, match="sampling=by_series: this data set has votes for single photos"):
        training(votes_of(some), sampling="by_series")


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_processes_together_have_the_batches_of_one(processes: int) -> None:
    count, share = 25, 12 // processes
    alone = list(EpochSampler(count, None, seed=1))
    parts = [list(EpochSampler(count, None, 1, rank, processes)) for rank in range(processes)]
    assert len({len(part) for part in parts}) == 1  # or one would wait for the others for ever
    usable = len(parts[0]) * processes
    assert count - usable < processes
    for batch in range(usable // (share * processes)):
        together = {draw for part in parts for draw in part[batch * share : (batch + 1) * share]}
        assert together == set(alone[batch * 12 : (batch + 1) * 12])


def test_an_order_is_a_matter_of_seed_and_epoch_alone() -> None:
    order = EpochSampler(50, None, seed=3)
    first, second = list(order), list(order)
    assert first == second
    assert sorted(row for row, _ in first) == list(range(50))
    order.set_epoch(1)
    assert list(order) != first
    assert list(EpochSampler(50, None, seed=4)) != first


def test_a_resumed_epoch_leaves_out_what_was_done_and_the_next_one_nothing() -> None:
    order = EpochSampler(20, None, seed=0, rank=1, processes=2)
    complete_order = list(order)
    order.skip = 4
    assert list(order) == complete_order[4:]
    assert list(order) == complete_order


def test_a_loader_remembers_how_far_it_came_by_the_batches_that_were_learned_from(some: tuple[PhotoFile, ...]) -> None:
    progress = SimpleNamespace(current=SimpleNamespace(processed=2))
    loop = SimpleNamespace(
        epoch_loop=SimpleNamespace(batch_progress=progress),
        epoch_progress=SimpleNamespace(current=SimpleNamespace(processed=0)),
    )
    trainer: Any = SimpleNamespace(fit_loop=loop, global_rank=0, world_size=1)
    chosen, learner = examples(batch_size=2), Learner()
    loader = chosen.training(chosen.dataset(pairs_of(some), learner, True), None, trainer)
    complete_epoch = [batch.row.tolist() for batch in loader]
    state = loader.state_dict()
    resumed_loader = chosen.training(chosen.dataset(pairs_of(some), learner, True), None, trainer)
    resumed_loader.load_state_dict(state)
    assert [batch.row.tolist() for batch in resumed_loader] == complete_epoch[2:]
    resumed_loader.load_state_dict({"batches": 3})  # a whole epoch
    assert [batch.row.tolist() for batch in resumed_loader] == complete_epoch


def test_every_series_is_drawn_equally_often() -> None:
    series = np.array([0] * 30 + [1] * 3 + [2])
    table = PairTable((), *np.zeros((2, 34), int), np.linspace(0.1, 0.9, 34), np.ones(34), series)
    probabilities = examples(sampling="by_series").sampling_probabilities(table)
    assert probabilities is not None
    assert np.bincount(series, probabilities).tolist() == pytest.approx([1 / 3] * 3)


def test_every_kind_of_label_is_drawn_equally_often() -> None:
    preference = np.array([0.9] * 8 + [0.2] * 2)
    table = PairTable((), *np.zeros((2, 10), int), preference, np.ones(10), np.arange(10))
    probabilities = examples(sampling="balanced").sampling_probabilities(table)
    assert probabilities is not None
    assert probabilities[:8].sum() == pytest.approx(0.5)
    counts = np.zeros((4, 10), int)
    counts[[0, 1, 2, 3], [4, 4, 4, 8]] = 5
    probabilities = examples(sampling="balanced").sampling_probabilities(
        VoteTable((PhotoFile("./x", Path("x")),) * 4, counts)
    )
    assert probabilities is not None
    assert probabilities.tolist() == pytest.approx([1 / 6] * 3 + [1 / 2])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch_size": 0}, "examples.batch_size=0: must be a whole number, at least 1"),
        ({"workers": -1}, "examples.workers=-1"),
        ({"targets": "sof"}, "examples.targets=sof: must be one of soft, hard, weighted"),
        ({"sampling": "random"}, "examples.sampling=random: must be one of"),
        ({"labels": "scores"}, "examples.labels=scores: must be one of auto, pairs, votes"),
        ({"label_smoothing": 1.0}, "examples.label_smoothing=1.0"),
        ({"min_difference": 9}, "examples.min_difference=9"),
        ({"overfit": 0}, "examples.overfit=0"),
        ({"augmentation": {"flip": 2.0, "keep": 1.0}}, "examples.augmentation.flip"),
    ],
)
def test_a_wrong_setting_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        examples(**setting)


def test_a_photo_that_goes_bad_in_the_middle_is_named(some: tuple[PhotoFile, ...]) -> None:
    some[2].path.write_bytes(b"")
    with pytest.raises(UsageError, match=r"2\.png: could be read when training began, but not now: the file has no"):
        training(pairs_of(some))
