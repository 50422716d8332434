import math

import pytest
import torch

from fixtures.tiny_models import CONSTANT, SGD, siamese
from iqbench.errors import UsageError
from iqbench.models.optimization import make_optimizer, make_schedules


def weights(count: int) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(1)) for _ in range(count)]


def rates(schedule: dict[str, object], steps: int, epochs_of: int = 1) -> list[float]:
    """Return the head's rate at each step of a training, from a full rate of 1."""
    optimizer = make_optimizer({**SGD, "lr": 1.0}, weights(1), [])
    schedules = make_schedules(optimizer, {**CONSTANT, **schedule}, steps)
    learning_rates = []
    for _ in range(steps):
        learning_rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for entry in schedules:
            if entry["interval"] == "step":
                entry["scheduler"].step()
    return learning_rates


def test_a_cosine_warms_up_linearly_and_falls_to_its_floor() -> None:
    learning_rates = rates({"name": "cosine", "warmup": 0.2, "floor": 0.1}, steps=10)
    expected = [1 / 3, 2 / 3] + [0.1 + 0.9 * (1 + math.cos(math.pi * at / 8)) / 2 for at in range(8)]
    assert learning_rates == pytest.approx(expected)


def test_a_constant_rate_warms_up_and_stays() -> None:
    learning_rates = rates({"warmup": 0.3}, steps=10)
    assert learning_rates[:4] == pytest.approx([1 / 4, 2 / 4, 3 / 4, 1])
    assert learning_rates[4:] == pytest.approx([1.0] * 6)


def test_a_plateau_falls_after_its_patience_and_a_warm_up_does_not_undo_that() -> None:
    optimizer = make_optimizer({**SGD, "lr": 1.0}, weights(1), [])
    schedule = {**CONSTANT, "name": "plateau", "warmup": 0.2, "factor": 0.5, "patience": 1}
    rise, fall = make_schedules(optimizer, schedule, steps=10)
    assert (rise["interval"], fall["interval"], fall["monitor"]) == ("step", "epoch", "val/loss")
    learning_rates = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9):  # epochs of four steps
        for _ in range(4):
            optimizer.step()
            rise["scheduler"].step()
        fall["scheduler"].step(loss)
        learning_rates.append(optimizer.param_groups[0]["lr"])
    assert learning_rates == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.5])


def test_stages_nearer_to_the_input_learn_more_slowly() -> None:
    head, stages = weights(1), [weights(1), weights(2), weights(1)]
    optimizer = make_optimizer({**SGD, "backbone_lr": 0.8, "layer_decay": 0.5}, head, stages)
    groups = {group["name"]: (group["lr"], group["params"]) for group in optimizer.param_groups}
    assert groups == {
        "head": (0.1, head),
        "backbone/3": (0.8, stages[2]),
        "backbone/2": (0.4, stages[1]),
        "backbone/1": (0.2, stages[0]),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "cosin"}, r"model\.schedule\.name=cosin: must be one of constant, cosine, plateau"),
        ({"warmup": 1.5}, r"model\.schedule\.warmup=1\.5: must be from 0 to 0\.99"),
        ({"patients": 3}, r"model\.schedule\.patients: no such setting\. Did you mean 'patience'"),
    ],
)
def test_a_wrong_schedule_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        siamese(schedule={**CONSTANT, **change})


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("lr", -1.0, "model.optimizer: SGD refuses a value .*-1"),
        ("backbone_lr", -1.0, "model.optimizer.backbone_lr=-1.0: must be a number, 0 or more"),
        ("layer_decay", math.nan, "model.optimizer.layer_decay=nan: must be a number, 0 or more"),
        ("name", "LBFGS", "model.optimizer: LBFGS refuses a value .*parameter groups"),
    ],
)
def test_a_value_that_the_optimiser_refuses_is_refused_before_training(key: str, value: object, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        siamese(optimizer={**SGD, key: value})
