"""Training provenance: what a model learned from in all trainings of its chain, and which photos it has seen."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from iqbench.inference.perceptual_hash import MAX_DISTANCE
from iqbench.interfaces import SHA_DIGITS, Labels

NEAR_COPY = "a near-copy of a training photo"
"""The note on a photo of other bytes than any training photo that looks nearly like one."""

PHOTO_KEYS = ("photos", "looks")
"""The parts of a provenance that grow with the number of photos."""


@runtime_checkable
class Trained(Protocol):
    """A model that records its training provenance."""

    trained_on: dict[str, Any]


def training_step(
    what: str, labels: Labels, photos: Iterable[tuple[str, str | None]], damage: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the provenance of one training.

    Args:
        what: The data set and its size, in words.
        labels: The kind of its labels.
        photos: The sha256 of each photo that it trains on or chooses the checkpoint with, and its perceptual hash.
        damage: The types of damage that it is taught, if it is taught any.

    Returns:
        ``what``, ``labels``, ``damage`` if there is any, the sorted prefixes of the sha256 in ``photos``, the sorted
        hashes in ``looks``, and in ``steps`` the one step: ``what``, ``labels``, the number of ``photos`` and a digest
        of their ``contents``.

    Example:
        >>> training_step("a set", "pairs", [("f" * 64, None), ("0" * 64, "a" * 32)])["photos"]
        ['0000000000000000', 'ffffffffffffffff']
    """
    shas, looks = zip(*photos, strict=True)
    prefixes = sorted({sha[:SHA_DIGITS] for sha in shas})
    provenance = {"what": what, "labels": labels, "photos": prefixes, "looks": sorted({look for look in looks if look})}
    provenance |= {"damage": list(damage)} if damage else {}
    return provenance | {"steps": _steps(provenance)}


def joined_provenance(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provenance of a model that learned ``after`` on top of ``before``: all photos, and all steps in order.

    A training that is resumed is one step, and a provenance that begins with the other's steps contains it.

    Args:
        before: The provenance of the weights that the training starts from; {} if nothing is known of them.
        after: That of the training. A checkpoint of iqbench 0.3 or older has no ``steps``.

    Example:
        >>> first, second = (training_step(name, "pairs", [(digit * 64, None)]) for name, digit in ("a1", "b2"))
        >>> both = joined_provenance(first, second)
        >>> both["what"], both["photos"]
        ('a, then b', ['1111111111111111', '2222222222222222'])
        >>> joined_provenance(both, second) == joined_provenance(first, both) == both
        True
    """
    earlier, later = _steps(before), _steps(after)
    if later[: len(earlier)] == earlier:
        earlier = []
    steps = earlier if earlier[-1:] == later else earlier + later
    if not steps:
        return {}
    keys = [*PHOTO_KEYS, *(["damage"] if before.get("damage") or after.get("damage") else [])]
    together = {key: sorted({*before.get(key, []), *after.get(key, [])}) for key in keys}
    what = ", then ".join(str(step["what"]) for step in steps)
    return {"what": what, "labels": steps[-1]["labels"], **together, "steps": steps}


def _steps(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "steps" in provenance or not provenance:
        return list(provenance.get("steps", []))
    photos = sorted(provenance.get("photos", []))
    contents = hashlib.sha256("".join(photos).encode()).hexdigest()[:SHA_DIGITS]
    known = {"what": provenance.get("what", "unknown data"), "labels": provenance.get("labels")}
    return [{**known, "photos": len(photos), "contents": contents}]


def training_provenance(model: object) -> dict[str, Any]:
    """Return what a model was trained on, without the lists of photos; empty if it does not record it."""
    trained_on = model.trained_on if isinstance(model, Trained) else {}
    return {key: value for key, value in trained_on.items() if key not in PHOTO_KEYS}


@dataclass(frozen=True)
class TrainingPhotos:
    """The photos that a model was trained on, or that chose its checkpoint, by content.

    Args:
        shas: The first `SHA_DIGITS` hex digits of the sha256 of each.
        looks: Their perceptual hashes; none in a checkpoint of iqbench 0.3 or older.
    """

    shas: frozenset[str]
    looks: UInt8[np.ndarray, "n 16"]

    @classmethod
    def of(cls, model: object) -> Self:
        """Return the photos that a model records; none if it records nothing."""
        trained_on = model.trained_on if isinstance(model, Trained) else {}
        looks = np.frombuffer(bytes.fromhex("".join(trained_on.get("looks", []))), dtype=np.uint8)
        return cls(frozenset(trained_on.get("photos", [])), looks.reshape(-1, 16))

    def include(self, sha256: str | None) -> bool:
        """Return whether a photo of these bytes is one of them."""
        return sha256 is not None and sha256[:SHA_DIGITS] in self.shas

    def resemble(self, look: str | None) -> bool:
        """Return whether a perceptual hash is that of a near-copy of one of them.

        Example:
            >>> photos = TrainingPhotos(frozenset(), np.zeros((1, 16), dtype=np.uint8))
            >>> photos.resemble("fff" + "0" * 29), photos.resemble("fff1" + "0" * 28), photos.resemble(None)
            (True, False, False)
        """
        if look is None or not len(self.looks):
            return False
        differing = np.bitwise_xor(self.looks, np.frombuffer(bytes.fromhex(look), dtype=np.uint8))
        return bool(np.unpackbits(differing, axis=1).sum(axis=1).min() <= MAX_DISTANCE)
