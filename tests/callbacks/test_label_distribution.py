from pathlib import Path

import torch

from fixtures.tiny_models import ava, pairs, siamese
from fixtures.training_runs import FixedExamples, train, vote_examples
from iqbench.callbacks.history import history
from iqbench.callbacks.label_distribution import LabelDistribution
from iqbench.interfaces import Pairs


def preferred(*preferences: float) -> FixedExamples:
    rows = zip(pairs(len(preferences)), preferences, strict=True)
    return FixedExamples(
        [Pairs(*row[:2], torch.tensor(preference), *row[3:]) for row, preference in rows], batch_size=2
    )


def test_shares_are_of_all_pairs_since_the_last_report(tmp_path: Path) -> None:
    train(tmp_path, siamese(), preferred(0.9, 0.5, 1.0, 0.0, 0.2, 0.2, 0.2, 0.2), LabelDistribution(every_n_steps=2))
    table = history(tmp_path).pivot_table(index="step", columns="tag", values="value")
    shares = table.filter(like="labels/").dropna()
    assert shares.loc[1].to_dict() == {"labels/first": 0.5, "labels/second": 0.25, "labels/tie": 0.25}
    assert shares.loc[3].to_dict() == {"labels/first": 0.0, "labels/second": 1.0, "labels/tie": 0.0}


def test_unreported_labels_of_an_epoch_are_discarded(tmp_path: Path) -> None:
    data = preferred(0.9, 0.9, 0.9, 0.9, 0.1, 0.1)
    train(tmp_path, siamese(), data, LabelDistribution(every_n_steps=2), max_epochs=2)
    table = history(tmp_path)
    assert table.loc[table["tag"] == "labels/first", ["step", "value"]].to_numpy().tolist() == [[1, 1], [4, 1]]


def test_votes_show_their_mean_and_spread(tmp_path: Path) -> None:
    train(tmp_path, ava(), vote_examples(), LabelDistribution(every_n_steps=50))
    last = history(tmp_path).set_index("tag")["value"]
    assert last["labels/mean_vote"] == 4.5  # the mean of 1 to 8
    assert abs(last["labels/vote_spread"] ** 2 - 63 / 12) < 1e-5
