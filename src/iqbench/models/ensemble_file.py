"""The file of a fitted ensemble: its members, how their margins are combined, and the photos that it was fitted on."""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import JsonValue, ValidationError, model_validator

from iqbench.errors import CheckpointError
from iqbench.io import write_text
from iqbench.models.combining import Router, Stacking, Variant
from iqbench.records import Record, record_json
from iqbench.training_provenance import PHOTO_KEYS

DATA_ONLY = frozenset(
    f"iqbench.models.{target}"
    for target in (
        "siamese.Siamese",
        "ava.Ava",
        "rules.Rules",
        "adapters.brisque.Brisque",
        "adapters.clip_iqa.ClipIqa",
        "adapters.onnx.OnnxScorer",
        "adapters.pyiqa_metric.PyiqaMetric",
        "adapters.scores.Scores",
    )
)
"""The models that run no code and ask no server, whatever their settings are. Of others a file may not decide."""


class EnsembleMember(Record):
    """A member: its name at the fit, its fingerprint, and what builds it: its settings, and the seed of the run."""

    name: str
    fingerprint: str
    seed: int
    settings: dict[str, JsonValue]

    @property
    def is_data(self) -> bool:
        """True if building it runs no code that the settings name, at any depth: Hydra builds what is inside, too."""
        inside = {key: value for key, value in self.settings.items() if key != "_target_"}
        return self.settings.get("_target_") in DATA_ONLY and not _names_objects(inside)


def _names_objects(settings: JsonValue) -> bool:
    if isinstance(settings, dict):
        return any(key.startswith("_") or _names_objects(value) for key, value in settings.items())
    return isinstance(settings, list) and any(map(_names_objects, settings))


class EnsembleFile(Record):
    """A fitted ensemble.

    Args:
        version: The version of the format.
        iqbench: The version of iqbench that fitted it.
        members: Its members, in the order of all weights.
        stacking: The weighted sum.
        router: The gate.
        fitted_on: The photos of the fit, as `iqbench.training_provenance.training_step` describes them.
    """

    version: Literal[1] = 1
    iqbench: str
    members: list[EnsembleMember]
    stacking: Stacking
    router: Router
    fitted_on: dict[str, JsonValue]

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) != len(names):
            raise ValueError("two members have one name")
        if not len(names) == self.stacking.members == self.router.members:
            raise ValueError(f"there are {len(names)} members and other numbers of weights")
        for key in PHOTO_KEYS:
            hashes = self.fitted_on.get(key)
            if not isinstance(hashes, list) or not all(isinstance(each, str) for each in hashes):
                raise ValueError(f"fitted_on.{key}: must be a list of hashes")
            bytes.fromhex("".join(map(str, hashes)))
        return self

    def combination(self, variant: Variant) -> Stacking | Router:
        """Return the rule of a variant."""
        return self.stacking if variant == "stacking" else self.router


def read_ensemble(path: Path) -> EnsembleFile:
    """Return the content of a file, which is checked before anything in it is used.

    Raises:
        CheckpointError: If it is no such file.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return EnsembleFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "content"
        reason = f"{place}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:160]
    except OSError as error:
        reason = str(error.strerror)
    raise CheckpointError(f"{path}: no ensemble that iqbench.stack has written ({reason})")


def write_ensemble(path: Path, ensemble: EnsembleFile) -> None:
    """Write the file of an ensemble; a kill leaves the whole file, or the one before."""
    write_text(path, record_json(ensemble))
