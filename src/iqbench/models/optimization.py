"""Optimiser and learning-rate schedule of a learned model: any optimiser of torch, with rates by depth."""

import inspect
import math
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau

from iqbench.errors import UsageError, did_you_mean

OWN_SETTINGS = ("name", "backbone_lr", "layer_decay")
"""Settings of ``optimizer`` that are not passed to torch."""

SCHEDULES = ("constant", "cosine", "plateau")


def check_optimizer(settings: dict[str, Any]) -> None:
    """Check the names and values of the optimiser's settings.

    Raises:
        UsageError: If the optimiser has no such setting, or refuses its value.
    """
    names = [*inspect.signature(_optimizer_class(settings["name"])).parameters, *OWN_SETTINGS]
    for key in settings:
        if key not in names:
            raise UsageError(
                f"model.optimizer.{key}: {settings['name']} has no such setting.{did_you_mean(key, names)}"
            )
    for key in ("backbone_lr", "layer_decay"):
        if not 0 <= settings[key] < math.inf:
            raise UsageError(f"model.optimizer.{key}={settings[key]}: must be a number, 0 or more")
    try:
        make_optimizer(settings, [nn.Parameter(torch.zeros(1))], [[nn.Parameter(torch.zeros(1))]])
    except (RuntimeError, TypeError, ValueError) as error:
        raise UsageError(f"model.optimizer: {settings['name']} refuses a value ({error})") from error


def check_schedule(settings: dict[str, Any]) -> None:
    """Check the names and values of the schedule's settings.

    Raises:
        UsageError: If the name, a key or a value is wrong.
    """
    names = ("name", "warmup", "floor", "factor", "patience")
    for key in settings:
        if key not in names:
            raise UsageError(f"model.schedule.{key}: no such setting.{did_you_mean(key, names)}")
    if settings["name"] not in SCHEDULES:
        raise UsageError(f"model.schedule.name={settings['name']}: must be one of {', '.join(SCHEDULES)}")
    for key, upper in (("warmup", 0.99), ("floor", 1.0), ("factor", 0.99)):
        if not 0 <= settings[key] <= upper:
            raise UsageError(f"model.schedule.{key}={settings[key]}: must be from 0 to {upper}")


def make_optimizer(
    settings: dict[str, Any], head: list[nn.Parameter], stages: list[list[nn.Parameter]]
) -> torch.optim.Optimizer:
    """Return the optimiser, with one rate for the head and lower rates for earlier stages of the backbone.

    Args:
        settings: ``name`` in torch.optim, ``lr`` of the head, ``backbone_lr``, ``layer_decay`` (each stage's
            rate as a share of the next one's), and the optimiser's own arguments.
        head: The parameters outside the backbone.
        stages: The backbone's parameters from input to output; empty if it stays frozen.
    """
    options = {key: value for key, value in settings.items() if key not in OWN_SETTINGS}
    decay = settings["layer_decay"]
    groups: list[dict[str, Any]] = [{"params": head, "name": "head"}]
    if decay == 1.0:
        stages = [[parameter for stage in stages for parameter in stage]] if stages else []
    for depth, stage in enumerate(reversed(stages)):
        name = "backbone" if decay == 1.0 else f"backbone/{len(stages) - depth}"
        groups.append({"params": stage, "lr": settings["backbone_lr"] * decay**depth, "name": name})
    optimizer: torch.optim.Optimizer = _optimizer_class(settings["name"])(groups, **options)
    return optimizer


def make_schedules(optimizer: torch.optim.Optimizer, settings: dict[str, Any], steps: int) -> list[dict[str, Any]]:
    """Return the schedules in Lightning's format, with a linear warm-up if it is set.

    Args:
        optimizer: The optimiser.
        settings: ``name``: constant, ``cosine`` (down to ``floor`` of each rate) or ``plateau`` (times ``factor``
            after ``patience`` epochs without a lower validation loss); ``warmup``: share of the steps.
        steps: Total number of training steps.
    """
    warmup = round(settings["warmup"] * steps)
    schedules: list[dict[str, Any]] = []
    if settings["name"] == "cosine":
        cosine = LambdaLR(optimizer, partial(cosine_share, warmup=warmup, steps=steps, floor=settings["floor"]))
        return [{"scheduler": cosine, "interval": "step", "name": "rate"}]
    if warmup:
        rise = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        schedules.append({"scheduler": rise, "interval": "step", "name": "rate"})
    if settings["name"] == "plateau":
        fall = ReduceLROnPlateau(optimizer, factor=settings["factor"], patience=settings["patience"])
        schedules.append({"scheduler": fall, "interval": "epoch", "monitor": "val/loss", "name": "plateau"})
    return schedules


def cosine_share(step: int, warmup: int, steps: int, floor: float) -> float:
    """Return the share of the full rate at a step: a linear warm-up, then half a cosine.

    Example:
        >>> [round(cosine_share(step, warmup=1, steps=5, floor=0.0), 2) for step in range(6)]
        [0.5, 1.0, 0.85, 0.5, 0.15, 0.0]

    Reference:
        Loshchilov and Hutter, *SGDR: Stochastic gradient descent with warm restarts*, ICLR 2017.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def _optimizer_class(name: str) -> Any:
    names = [attribute for attribute, value in vars(torch.optim).items() if isinstance(value, type)]
    if name not in names:
        raise UsageError(f"model.optimizer.name={name}: torch.optim has no such optimiser.{did_you_mean(name, names)}")
    return getattr(torch.optim, name)
