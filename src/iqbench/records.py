"""Records: immutable, validated values that are written as JSON and read back."""

import json
import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


class Record(BaseModel):
    """Base of every typed result.

    Unknown keys, NaN and infinity are refused. A reason is written only where there is one, so a value
    that is ``null`` has its reason beside it and every other value has none.

    Example:
        >>> class Share(Record):
        ...     value: float | None
        ...     reason: str | None = None
        >>> Share(value=0.5).model_dump(), Share(value=None, reason="no pair").model_dump()
        ({'value': 0.5}, {'value': None, 'reason': 'no pair'})
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
        protected_namespaces=(),
    )

    @model_serializer(mode="wrap")
    def _drop_empty_reasons(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialize(self).items() if value is not None or not key.endswith("reason")}


def record_json(record: Record) -> str:
    """Return a record as JSON in ASCII, since a path in it may hold bytes that UTF-8 cannot encode."""
    return json.dumps(record.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"


def value_or_reason(name: str, value: float | None, reason: str) -> dict[str, Any]:
    """Return a value as a field of a record, or None with the reason in the field beside it.

    Example:
        >>> value_or_reason("brier", 0.25, "no pair"), value_or_reason("brier", None, "no pair")
        ({'brier': 0.25}, {'brier': None, 'brier_reason': 'no pair'})
    """
    if value is None or not math.isfinite(value):
        return {name: None, f"{name}_reason": reason}
    return {name: value}


ONE_PAIR = "the answer about one pair"
"""Why a number has no interval: it is no estimate."""


def without_interval(reason: str, default: Any = ..., **options: Any) -> Any:
    """Return a field of a number that is no estimate from a sample, or has its interval elsewhere.

    Every other number of a summary has an interval beside it. The reason stands in the published schema, as
    ``no_interval``.

    Args:
        reason: Why it has no interval of its own.
        default: Its default value, if it has one.
        options: Other options of the field.
    """
    return Field(default, json_schema_extra={"no_interval": reason}, **options)
