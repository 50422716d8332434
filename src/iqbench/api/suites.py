"""The damage that a program asks for: types of the standard suite, or its own functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from iqbench import config
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Variant

HINT = (
    "give a name, a list of names, or a dict of types to functions, such as {'noise': {'weak': weak, 'strong': strong}}"
)


def suite_of(damage: Any) -> tuple[DictConfig, list[Variant] | None]:
    """Return the ``degradation`` part of a config, and the variants where the config cannot make them.

    Args:
        damage: A name (``standard``, ``blur``), a list of names, variants, or a mapping of each type to one of: a
            function from photo to photo, a mapping of level names to functions (mild to severe), a `Degradation`, or
            settings, as in ``{"blur": {"sigma": [1, 2]}}``.

    Raises:
        UsageError: If a name does not exist, or a value is no damage.
    """
    if isinstance(damage, str):
        return _named([damage]), None
    if isinstance(damage, Mapping):
        return _of_mapping(damage)
    if not isinstance(damage, Sequence) or not damage:
        raise UsageError(f"suite: {damage!r} is no damage; {HINT}")
    if all(isinstance(each, str) for each in damage):
        return _named(list(damage)), None
    if all(isinstance(each, Variant) for each in damage):
        kinds = dict.fromkeys(variant.type for variant in damage)
        levels = {kind: {"levels": [each.level for each in damage if each.type == kind]} for kind in kinds}
        return DictConfig(levels), list(damage)
    raise UsageError(f"suite: a list of {', '.join(sorted({type(each).__name__ for each in damage}))}; {HINT}")


def _named(names: list[str]) -> DictConfig:
    choices = config.choices_of("degradation")
    for name in names:
        if name not in choices:
            raise UsageError(
                f"suite={name}: no such damage.{did_you_mean(name, choices)} There are: {', '.join(choices)}"
            )
    types: dict[str, Any] = {}
    for name in names:
        node: Any = OmegaConf.to_container(config.compose("bench", [f"degradation={name}"]).degradation)
        types |= node
    return DictConfig(types)


def _of_mapping(damage: Mapping[Any, Any]) -> tuple[DictConfig, list[Variant] | None]:
    settings: dict[str, Any] = {}
    own: dict[str, Degradation] = {}
    for kind, value in damage.items():
        if not isinstance(kind, str) or not kind:
            raise UsageError(f"suite: {kind!r} is no name of a type; {HINT}")
        if _is_settings(value):
            settings[kind] = _with_settings(kind, value)
        else:
            own[kind] = _degradation(kind, value)
            levels = [level.name for ladder in own[kind].ladders for level in ladder.levels]
            settings[kind] = {"levels": levels}
    if not damage:
        raise UsageError(f"suite: there is no damage; {HINT}")
    nodes = DictConfig(settings)
    if not own:
        return nodes, None
    whole = config.compose("bench", [])  # to which a setting may refer, such as ${paths.cache}
    whole.degradation = nodes
    built = {kind: own.get(kind) or config.build(whole.degradation[kind], f"degradation.{kind}") for kind in settings}
    return nodes, suite(built)


def _is_settings(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(callable(each) for each in value.values())


def _with_settings(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if "_target_" in given:
        return dict(given)
    node: Any = OmegaConf.to_container(_named([kind]))
    return {**node[kind], **given}


def _degradation(kind: str, value: Any) -> Degradation:
    if isinstance(value, Degradation):
        return value
    if isinstance(value, Mapping) and all(callable(apply) for apply in value.values()):
        return Degradation("technical", [Ladder("", [Level(str(name), apply) for name, apply in value.items()])])
    if callable(value):
        function: Callable[..., Any] = value
        return Degradation("technical", [Ladder("", [Level("on", function)])])
    raise UsageError(f"suite: {kind} is {type(value).__name__}, not a function from photo to photo; {HINT}")
