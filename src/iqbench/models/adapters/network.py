"""A torch network as a scorer: from Python, or by the name of its class, with weights from a file."""

import logging
import pickle
import zipfile
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import safetensors
import safetensors.torch
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from iqbench.errors import MissingResource, UsageError, described, one_line, raise_if_terminated
from iqbench.interfaces import Photo, Scorer
from iqbench.models.checkpoint import check_checksums, check_first_bytes
from iqbench.paths import absolute
from iqbench.preprocessing import Preprocessing, check_rule, view_groups
from iqbench.target import located

log = logging.getLogger(__name__)

Output = Literal["score", "ratings", "rating_logits"]
"""What a network gives for a photo: one number, the shares of votes for ratings 1 to K, or these before a softmax."""

_SUM_TOLERANCE = 1e-2
"""By how much shares of votes may differ from a sum of 1, as they do in half precision."""


class NetworkScorer(nn.Module, Scorer):
    """A scorer that calls a network with a batch of photos, (n, 3, height, width), float RGB.

    Args:
        network: Returns one number per photo, in the shape (n) or (n, 1), or what ``output`` says.
        higher_is_better: False negates the score. None: false where the network says ``lower_better = True``, as the
            metrics of pyiqa do.
        preprocessing: The network's view of a photo. Its score is the mean over the views if there are several. None:
            photos keep their size, so a network of a fixed size resizes them itself.
        mean: Mean of each channel, which is subtracted, from 0 to 1. None: the values are from 0 to 1.
        std: Standard deviation of each channel, by which the values are divided.
        output: What the network gives.
    """

    def __init__(
        self,
        network: nn.Module,
        higher_is_better: bool | None = None,
        preprocessing: Preprocessing | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        output: Output = "score",
    ) -> None:
        super().__init__()
        self.network = network
        if higher_is_better is None:
            higher_is_better = getattr(network, "lower_better", False) is not True
            if not higher_is_better:
                log.warning("%s: its scores are negated, because it says lower_better", type(network).__name__)
        self.sign = 1 if higher_is_better else -1
        self.preprocessing = preprocessing
        self.output = output
        self._shift, self._scale = checked_channels(mean, 0.0, "mean"), checked_channels(std, 1.0, "std")

    def prepare(self, photo: Photo) -> UInt8[Tensor, "*views 3 height width"]:
        """Return the photo as the network sees it, or as it is, channels first."""
        if self.preprocessing is not None:
            return self.preprocessing(photo)
        return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()

    def encode(self, inputs: UInt8[Tensor, "n *views 3 height width"]) -> Float[Tensor, "n 1"]:
        """Return the scores.

        Raises:
            ValueError: If the network does not give what ``output`` says for each photo.
        """
        pictures = inputs.flatten(0, -4) if inputs.ndim > 4 else inputs
        values = pictures.float() / 255
        if self._shift is not None or self._scale is not None:
            shift, scale = self._on(values, self._shift, 0.0), self._on(values, self._scale, 1.0)
            values = (values - shift) / scale
        scores = scores_of(self.network(values), len(pictures), self.output)
        return self.sign * scores.reshape(len(inputs), -1).mean(dim=1, keepdim=True)

    @staticmethod
    def _on(values: Tensor, channels: list[float] | None, default: float) -> Tensor:
        return torch.tensor(channels or [default] * 3, dtype=values.dtype, device=values.device).view(3, 1, 1)


class LoadedScorer(NetworkScorer):
    """A scorer whose network was read from a file that knows its own code. Workers, which only prepare, get none."""

    def train(self, mode: bool = True) -> "LoadedScorer":
        """Leave the network in the mode it was saved in: an exported program refuses any change."""
        self.training = mode
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_modules": dict(self._modules)}
        del state["_modules"]["network"]
        return state


def scores_of(given: Any, count: int, output: Output) -> Float[Tensor, "n"]:
    """Return the score of each photo from what a network gave for a batch.

    Args:
        given: The tensor.
        count: The number of photos.
        output: What it holds for each photo.

    Raises:
        ValueError: If it is no such tensor.

    Example:
        >>> scores_of(torch.tensor([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]), 2, "ratings").tolist()
        [2.0, 3.0]
    """
    if isinstance(given, list | tuple) and len(given) == 1:
        given = given[0]
    if not isinstance(given, Tensor):
        raise ValueError(f"the network gave {type(given).__name__} for {count} photos; it must give a tensor")
    shape = f"the network gave shape {tuple(given.shape)} for {count} photos"
    if output == "score":
        if given.numel() != count:
            raise ValueError(f"{shape}; a score is one number per photo (or is it model.output=ratings?)")
        return given.reshape(count).float()
    if given.ndim != 2 or len(given) != count or given.shape[1] < 2:
        raise ValueError(f"{shape}; model.output={output} needs (n, K), a number for each rating from 1 to K")
    shares = given.float().softmax(dim=1) if output == "rating_logits" else given.float()
    if output == "ratings" and not torch.allclose(shares.sum(dim=1), shares.new_ones(()), atol=_SUM_TOLERANCE):
        raise ValueError(f"{shape}, which do not add up to 1; use model.output=rating_logits for logits")
    return shares @ torch.arange(1, shares.shape[1] + 1, dtype=shares.dtype, device=shares.device)


def network_model(
    target: str,
    arguments: dict[str, Any] | None,
    weights: str | None,
    higher_is_better: bool | None,
    preprocessing: str | None,
    size: int,
    mean: list[float] | None,
    std: list[float] | None,
    output: Output,
) -> NetworkScorer:
    """Return the scorer of a network.

    Args:
        target: The name of its class, or of a function that builds it; see `iqbench.target.located`.
        arguments: The arguments of the class or function; None for none.
        weights: A file with its state dict (.safetensors, or saved by ``torch.save``). None: it loads its own.
        higher_is_better: See `NetworkScorer`.
        preprocessing: The rule of the network's view; see `iqbench.preprocessing.view`. None: photos keep their size.
        size: Side of the view, in pixels.
        mean: See `NetworkScorer`.
        std: See `NetworkScorer`.
        output: See `NetworkScorer`.

    Raises:
        MissingResource: If there is no such module or file.
        UsageError: If it is no network, or the weights do not fit it.
    """
    found = located(target, "model.target")
    network = found if isinstance(found, nn.Module) else _made(found, target, arguments or {})
    if weights is not None:
        _load(network, absolute(weights, "model.weights"))
    rule = view_of(preprocessing, size)
    return NetworkScorer(network, higher_is_better, rule, mean, std, checked_output(output))


def view_of(preprocessing: str | None, size: int) -> Preprocessing | None:
    """Return the preprocessing that settings name, None for photos in their own size.

    Raises:
        UsageError: If there is no such rule, or only for learned models, or the side is no number of pixels.
    """
    if preprocessing is not None and not size >= 1:
        raise UsageError(f"model.size={size}: must be 1 pixel or more")
    if preprocessing is None:
        return None
    rule = check_rule(preprocessing)
    if any(group.per_side > 1 for group in view_groups(rule)):
        raise UsageError(f"model.preprocessing={rule}: is for siamese and ava, which pool patches; use native")
    return Preprocessing(rule, size)


def checked_output(output: str) -> Output:
    """Return what a network gives, checked.

    Raises:
        UsageError: If there is no such kind of output.
    """
    for name in get_args(Output):
        if output == name:
            return name  # type: ignore[no-any-return]
    raise UsageError(f"model.output={output}: must be {', '.join(get_args(Output)[:-1])} or {get_args(Output)[-1]}")


def _made(build: Any, target: str, arguments: dict[str, Any]) -> nn.Module:
    try:
        network = build(**arguments)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit):
            raise_if_terminated(error)
        raise UsageError(f"model.target={target}: cannot be built ({described(error)})") from error
    if not isinstance(network, nn.Module):
        raise UsageError(f"model.target={target}: gave {type(network).__name__}, which is no torch module")
    return network


def _load(network: nn.Module, file: Path) -> None:
    if not file.is_file():
        raise MissingResource(f"model.weights={file}: there is no such file")
    check_first_bytes(file)
    try:
        state = safetensors.torch.load_file(file) if file.suffix == ".safetensors" else _pickled(file)
    except (safetensors.SafetensorError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        is_code = isinstance(error, pickle.UnpicklingError)
        reason = "code or objects, not only weights; nothing was executed" if is_code else one_line(error)[:120]
        raise UsageError(
            f"model.weights={file}: holds no state dict ({reason}); save one by torch.save(network.state_dict(), FILE)"
        ) from error
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise UsageError(f"model.weights={file}: does not fit {type(network).__name__} ({one_line(error)})") from error
    if missing or unexpected:
        counts = f"{len(missing)} tensors are missing, {len(unexpected)} are of something else"
        examples = " and ".join(names[0] for names in (missing, unexpected) if names)
        raise UsageError(f"model.weights={file}: does not fit {type(network).__name__}: {counts}, such as {examples}")


def _pickled(file: Path) -> dict[str, Tensor]:
    """Return the state dict in a file of ``torch.save``, or of a checkpoint of Lightning."""
    if zipfile.is_zipfile(file):
        check_checksums(file)
    elif file.stat().st_size < 100:
        raise ValueError("too short for weights")
    content: Any = torch.load(file, map_location="cpu", weights_only=True)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        names = f" of {', '.join(map(str, list(content)[:5]))}" if isinstance(content, dict) else ""
        raise ValueError(f"it is a {type(content).__name__}{names}")
    return content


def checked_channels(values: list[float] | None, neutral: float, name: str) -> list[float] | None:
    """Return a number for each channel, None where each is neutral.

    Raises:
        UsageError: If they are no three numbers, or a standard deviation is 0.
    """
    if values is not None and not _are_channels(values, name):
        raise UsageError(f"model.{name}={values}: must be three numbers{' above 0' if name == 'std' else ''}, or null")
    return None if values is None or values == [neutral] * 3 else values


def _are_channels(values: Any, name: str) -> bool:
    if not isinstance(values, list | tuple) or len(values) != 3:
        return False
    return all(isinstance(value, int | float) for value in values) and (name != "std" or min(values) > 0)
