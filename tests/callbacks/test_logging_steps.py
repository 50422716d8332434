"""Cases in which callbacks must not log."""

from pathlib import Path

import pytest
from lightning import Callback, Trainer

from fixtures.tiny_models import pairs, siamese
from fixtures.training_runs import FixedExamples, pair_examples, train
from iqbench import config
from iqbench.callbacks.history import history
from iqbench.callbacks.learning_rates import LearningRates
from iqbench.callbacks.logging_steps import check_interval, steps_between
from iqbench.errors import UsageError


def telemetry() -> list[Callback]:
    node = config.OmegaConf.load(config.CONF_DIR / "callbacks" / "telemetry.yaml")
    return [config.build(target, name) for name, target in node.items()]


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_a_validation_on_its_own_records_nothing(tmp_path: Path) -> None:
    train(tmp_path, siamese(), pair_examples(), *telemetry(), call="validate")
    assert not written(tmp_path) & {"predictions", "telemetry.parquet"}
    assert {tag for tag in history(tmp_path)["tag"] if tag.startswith("hold_out")} == set()


def test_a_sanity_check_records_nothing(tmp_path: Path) -> None:
    train(tmp_path, siamese(), pair_examples(), *telemetry(), num_sanity_val_steps=1)
    table = history(tmp_path)
    assert table.loc[table["tag"] == "hold_out/margin_median", "step"].tolist() == [1]


def test_a_process_other_than_the_first_records_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "is_global_zero", False)
    train(tmp_path, siamese(), pair_examples(), *telemetry())
    tags = {tag for tag in history(tmp_path)["tag"] if not tag.startswith(("train/", "val/"))}
    assert (tags, written(tmp_path) & {"predictions", "telemetry.parquet"}) == (set(), set())


@pytest.mark.parametrize("options", [{"logger": False}, {"fast_dev_run": True}], ids=str)
def test_a_training_without_tensorboard_ends_well(tmp_path: Path, options: dict[str, bool]) -> None:
    train(tmp_path, siamese(), pair_examples(), *telemetry(), **options)
    assert "epoch_000.parquet" in written(tmp_path)


def test_a_training_of_33_steps_has_enough_points_for_a_curve(tmp_path: Path) -> None:
    data = FixedExamples(pairs(33), batch_size=1)
    train(tmp_path, siamese(), data, *telemetry(), LearningRates(), max_epochs=1, log_every_n_steps=5)
    points = history(tmp_path)["tag"].value_counts()
    for tag in ("gradient/head", "gradient/total", "weight_change/head", "timing/step_ms", "labels/first"):
        assert points[tag] == 33, tag
    assert points.filter(regex=r"^lr-SGD/head").tolist() == [7]
    assert points["train/loss"] == 6


def test_reports_are_at_most_fifty_steps_apart_and_about_thirty_in_a_training() -> None:
    assert [steps_between("auto", total) for total in (1, 29, 60, 165, 1500, 1e6, float("inf"))] == [
        1,
        1,
        2,
        5,
        50,
        50,
        50,
    ]
    assert steps_between(7, 1e6) == 7


@pytest.mark.parametrize("value", ["often", 0, -1, 1.5])
def test_an_interval_is_a_number_or_auto(value: object) -> None:
    with pytest.raises(UsageError, match=r"callbacks\.gradients\.every_n_steps=.*: must be at least 1, or auto"):
        check_interval("gradients", value)  # type: ignore[arg-type]
