"""Several models as one: their margins are combined by a rule that `iqbench.stack` has fitted."""

import logging
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, UInt8
from omegaconf import DictConfig
from torch import Tensor, nn

from iqbench import config
from iqbench.errors import CheckpointError, IqbenchError, MissingResource, UsageError
from iqbench.inference import model_calls
from iqbench.inference.placement import is_thread_safe
from iqbench.inference.shared_worker import preparation_key, preparation_of
from iqbench.interfaces import CostlyPairs, Photo, Prepares, QualityModel, RemembersAnswers, is_scorer
from iqbench.models.checkpoint import REFERENCE_DIR
from iqbench.models.combining import VARIANTS, Router, Stacking, Variant
from iqbench.models.ensemble_file import EnsembleFile, EnsembleMember, read_ensemble
from iqbench.models.packed_inputs import pack, unpacked
from iqbench.paths import absolute
from iqbench.provenance import fingerprint
from iqbench.training_provenance import Trained, joined_provenance

log = logging.getLogger(__name__)

FIT = "fit one with: python -m iqbench.stack RESULTS --out ensemble.json"


@dataclass(frozen=True)
class PackedPreparation:
    """The preparation of an ensemble: members that prepare alike share an input, and all inputs are packed into one.

    Args:
        keys: What is equal for ensembles that prepare alike.
        parts: What prepares for the members, one for each key.
    """

    keys: tuple[Hashable, ...]
    parts: tuple[Prepares, ...] = field(compare=False)

    def prepare(self, photo: Photo) -> UInt8[Tensor, "bytes"]:
        """Return the inputs of all members. Each gets its own copy of the photo, which it may change."""
        return pack([model_calls.prepare(part, photo) for part in self.parts])

    def shown_input(self, prepared: UInt8[Tensor, "bytes"]) -> Tensor:
        """See `iqbench.interfaces.PacksInputs`: the largest of the inputs."""
        ((_, parts),) = unpacked(prepared.unsqueeze(0))
        largest: Tensor = max(parts, key=torch.numel)
        return largest.squeeze(0)


class Ensemble:
    """A model whose margin is made of its members' margins, each asked in both orders.

    A weighted sum of scorers is a scorer: its score is the weighted sum of their scores.

    Args:
        members: The members.
        names: Their names.
        fingerprints: The fingerprint of each.
        variant: The name of the rule.
        combination: The rule.
        trained_on: The training provenance of the members and of the fit.
    """

    ignored_settings = ("trust_code",)

    def __init__(
        self,
        members: Sequence[QualityModel],
        names: Sequence[str],
        fingerprints: Sequence[str],
        variant: Variant,
        combination: Stacking | Router,
        trained_on: dict[str, Any],
    ) -> None:
        super().__init__()
        self.members, self.names = tuple(members), tuple(names)
        self.variant, self.combination, self.trained_on = variant, combination, trained_on
        self.member_fingerprints = dict(zip(names, fingerprints, strict=True))
        self.is_scorer = isinstance(combination, Stacking) and all(map(is_scorer, members))
        if any(isinstance(member, CostlyPairs) for member in members):
            self.costly_pairs = True  # an attribute only where it is true, since it is looked for
        by_key = {preparation_key(member): preparation_of(member) for member in members}
        self._preparation = PackedPreparation(tuple(by_key), tuple(by_key.values()))
        self._inputs = [list(by_key).index(preparation_key(member)) for member in members]

    @property
    def preparation(self) -> PackedPreparation:
        """The preparation, which ensembles of members that prepare alike share; see `QualityModel`."""
        return self._preparation

    def prepare(self, photo: Photo) -> UInt8[Tensor, "bytes"]:
        """Return the inputs of all members, packed into one tensor."""
        return self.preparation.prepare(photo)

    def shown_input(self, prepared: UInt8[Tensor, "bytes"]) -> Tensor:
        """See `iqbench.interfaces.PacksInputs`: the largest of the inputs."""
        return self.preparation.shown_input(prepared)

    def encode(self, inputs: UInt8[Tensor, "n bytes"]) -> Float[Tensor, "n d"]:
        """Return the score of each picture, or the encodings of all members behind their lengths.

        The length of an encoding in float64 is negative.
        """
        groups = [(rows, self._encoded(packed)) for rows, packed in unpacked(inputs)]
        if len(groups) == 1:
            return groups[0][1]
        order = torch.cat([rows for rows, _ in groups]).argsort()
        return torch.cat([encoded for _, encoded in groups])[order.to(inputs.device)]

    def margin(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        """Return the combined margin."""
        if self.is_scorer:
            return (first - second).squeeze(1)
        return self.combination.margin(self._member_margins(first, second))

    def listened_to(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> list[str | None]:
        """See `iqbench.interfaces.SaysMember`."""
        if isinstance(self.combination, Stacking):
            return [None] * len(first)
        return [self.names[at] for at in self.combination.choice(self._member_margins(first, second)).tolist()]

    @contextmanager
    def asking_again(self) -> Iterator[None]:
        """See `iqbench.interfaces.RemembersAnswers`."""
        with ExitStack() as contexts:
            for member in self.members:
                if isinstance(member, RemembersAnswers):
                    contexts.enter_context(member.asking_again())
            yield

    def _encoded(self, packed: Any) -> Float[Tensor, "n d"]:
        """Return the encodings of inputs of equal shapes."""
        encoded = []
        for member, at in zip(self.members, self._inputs, strict=True):
            is_network = isinstance(member, nn.Module)
            part = packed.part(at, None if is_network else torch.device("cpu"))  # not every device has float64
            encode = member.encode if is_thread_safe(member) else model_calls.one_at_a_time(member.encode, member)
            encoded.append(model_calls.encodings(encode, part))
        device = packed.rows.device
        if self.is_scorer and isinstance(self.combination, Stacking):
            scores = torch.cat([_wide(each, device) for each in encoded], dim=1)
            return (scores * scores.new_tensor(self.combination.weights)).sum(dim=1, keepdim=True)
        doubles = [each.dtype == torch.float64 for each in encoded]
        lengths = [each.shape[1] * (-1.0 if double else 1.0) for each, double in zip(encoded, doubles, strict=True)]
        encoded = [_wide(each, device) if any(doubles) else each.to(device) for each in encoded]
        return torch.cat([encoded[0].new_tensor(lengths).expand(len(encoded[0]), -1), *encoded], dim=1)

    def _member_margins(self, first: Tensor, second: Tensor) -> Float[Tensor, "n members"]:
        """Return the margin of each member in columns: half the difference of its answers in the two orders."""
        columns, start, device = [], len(self.members), first.device
        for member, length in zip(self.members, first[0, :start].tolist(), strict=True):
            end = start + int(abs(length))
            dtype = torch.float64 if length < 0 else torch.float32
            place = device if isinstance(member, nn.Module) else torch.device("cpu")
            sides = [side[:, start:end].to(place, dtype).contiguous() for side in (first, second)]
            orders = (model_calls.margins(member.margin, *pair) for pair in (sides, sides[::-1]))
            forward, backward = (margins.cpu().double() for margins in orders)
            columns.append((forward - backward) / 2)
            start = end
        return torch.stack(columns, dim=1)


class NetworkEnsemble(Ensemble, nn.Module):
    """An ensemble with a network among its members, which is moved to the device and encoded in batches."""

    thread_safe = True
    """Each member is encoded in its turn, unless it is thread-safe itself."""

    def __init__(self, members: Sequence[QualityModel], *options: Any, **more: Any) -> None:
        super().__init__(members, *options, **more)
        self.networks = nn.ModuleList([member for member in members if isinstance(member, nn.Module)])

    def get_extra_state(self) -> dict[str, Any]:
        """Return the rule, which is part of the model's fingerprint."""
        return {"variant": self.variant, **self.combination.model_dump()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Leave the rule as it is: it was fitted, and is no part of any state dict."""


def ensemble_model(file: str | None, variant: str, trust_code: bool) -> Ensemble:
    """Return the ensemble of a file that `iqbench.stack` has written.

    Args:
        file: The file; None for the packaged one.
        variant: ``stacking`` (a weighted sum), or ``router`` (listens to one member about each pair).
        trust_code: Whether members are built that are code or ask a server: functions, networks, own classes.

    Raises:
        MissingResource: If there is no such file.
        CheckpointError: If it is no ensemble, or a member is another model now.
        UsageError: If there is no such variant, or a member is code and not trusted.
    """
    path = REFERENCE_DIR / "ensemble.json" if file is None else absolute(file, "model.file")
    if not path.is_file():
        raise MissingResource(f"model.file={path}: no such file; {FIT}")
    if variant not in VARIANTS:
        raise UsageError(f"model.variant={variant}: must be {' or '.join(VARIANTS)}")
    content = read_ensemble(path)
    code = [member.name for member in content.members if not member.is_data]
    if code and not trust_code:
        raise UsageError(
            f"{path}: the settings of {', '.join(code)} name code to run or a server to ask; "
            "if you have fitted this file yourself, set model.trust_code=true"
        )
    return combined(content, variant, [built_member(member, str(path)) for member in content.members])


def combined(content: EnsembleFile, variant: Variant, members: Sequence[QualityModel]) -> Ensemble:
    """Return the ensemble of a file's content and its members."""
    trained_on: dict[str, Any] = {}
    for provenance in [*(member.trained_on for member in members if isinstance(member, Trained)), content.fitted_on]:
        trained_on = joined_provenance(trained_on, provenance)
    kind = NetworkEnsemble if any(isinstance(member, nn.Module) for member in members) else Ensemble
    names, fingerprints = zip(*((member.name, member.fingerprint) for member in content.members), strict=True)
    return kind(members, names, fingerprints, variant, content.combination(variant), trained_on)


def built_member(member: EnsembleMember, source: str) -> QualityModel:
    """Return a member as it was when the ensemble was fitted.

    Args:
        member: What builds it.
        source: The file or folder that names it, for the message.

    Raises:
        UsageError: If it cannot be built.
        CheckpointError: If it is another model now.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(member.seed)  # the random weights of an untrained network are those of its run
        try:
            model: QualityModel = config.build(DictConfig(member.settings), "model")
        except IqbenchError as error:
            raise type(error)(f"{source}, member {member.name}: {error}") from error
    if (now := fingerprint(model, member.settings)) != member.fingerprint:
        raise CheckpointError(
            f"{source}, member {member.name}: is another model now (fingerprint {now}, at the fit "
            f"{member.fingerprint}): its weights, settings or code have changed. Put it back, or benchmark the members "
            "again and run iqbench.stack"
        )
    return model


def _wide(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device in float64, or in float32 where the device has no other."""
    return tensor.to(device, torch.float32 if device.type == "mps" else torch.float64)
