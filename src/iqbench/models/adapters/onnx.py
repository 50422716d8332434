"""Networks in ONNX files, run by ONNX Runtime."""

import importlib
import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from iqbench.errors import MissingResource, UsageError, one_line
from iqbench.interfaces import Photo, Scorer
from iqbench.models.adapters.network import Output, checked_channels, checked_output, scores_of, view_of
from iqbench.paths import absolute

log = logging.getLogger(__name__)

TYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
TYPES |= {"tensor(uint8)": np.uint8}
"""The types of pictures that a file may take. A file of uint8 gets the values from 0 to 255, others from 0 to 1."""


class Picture(NamedTuple):
    """What a file takes: the name and type of its input, the order of the channels, and sizes that are fixed."""

    name: str
    dtype: Any
    channels_last: bool
    batch: int | None
    height: int | None
    width: int | None


class OnnxScorer(Scorer):
    """A scorer that runs an ONNX file.

    Args:
        file: The file. Its one input is (n, 3, height, width) or (n, height, width, 3), RGB.
        higher_is_better: False negates the score.
        preprocessing: The rule of the network's view; see `iqbench.preprocessing.view`. None: photos keep their size.
        size: Side of the view, in pixels; null takes that of the file.
        mean: Mean of each channel, which is subtracted from values from 0 to 1; None for 0.
        std: Standard deviation of each channel, by which they are divided; None for 1.
        output: What the file gives for a photo; see `iqbench.models.adapters.network.Output`.

    Raises:
        MissingResource: If there is no such file, or ONNX Runtime is not installed.
        UsageError: If the file cannot be loaded, or takes something else.
    """

    def __init__(
        self,
        file: str,
        higher_is_better: bool,
        preprocessing: str | None,
        size: int | None,
        mean: list[float] | None,
        std: list[float] | None,
        output: Output,
    ) -> None:
        self.file = absolute(file, "model.file")
        self.sign = 1 if higher_is_better else -1
        self.output = checked_output(output)
        self._session: Any = _session(self.file, ["CPUExecutionProvider"])
        self.takes = _input(self._session, self.file)
        if len(outputs := [each.name for each in self._session.get_outputs()]) > 1:
            log.info("%s: has %d outputs (%s); the first is read", self.file, len(outputs), ", ".join(outputs))
        fixed = self.takes.height
        if fixed is not None and (fixed != self.takes.width or preprocessing is None):
            wanted = f"{self.takes.width} x {fixed} px"
            if fixed != self.takes.width:
                raise UsageError(f"model.file={self.file}: takes pictures of {wanted}; a view is a square")
            raise UsageError(f"model.file={self.file}: takes pictures of {wanted}; set model.preprocessing")
        if fixed is not None and size not in (None, fixed):
            raise UsageError(f"model.size={size}: {self.file} takes pictures of {fixed} x {fixed} px")
        side = size or fixed
        if preprocessing is not None and side is None:
            raise UsageError(f"model.size: {self.file} takes any size; give the side of the view in pixels")
        self.preprocessing = view_of(preprocessing, side or 0)
        self.mean = checked_channels(mean, 0.0, "mean") or [0.0] * 3
        self.std = checked_channels(std, 1.0, "std") or [1.0] * 3
        if self.takes.dtype is np.uint8 and (mean or std):
            raise UsageError(f"model.mean, model.std: {self.file} takes values from 0 to 255; set both to null")
        self._on_gpu = False

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a worker, which only prepares: without the session, which cannot be pickled."""
        return {**self.__dict__, "_session": None}

    def prepare(self, photo: Photo) -> UInt8[Tensor, "*views 3 height width"]:
        """Return the photo as the network sees it, or as it is, channels first."""
        if self.preprocessing is not None:
            return self.preprocessing(photo)
        return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()

    def encode(self, inputs: UInt8[Tensor, "n *views 3 height width"]) -> Float[Tensor, "n 1"]:
        """Return the scores; of several views of a photo, their mean.

        Raises:
            ValueError: If the file does not give what ``output`` says.
        """
        self._follow(inputs.device)
        pictures = (inputs.flatten(0, -4) if inputs.ndim > 4 else inputs).cpu().numpy()
        if self.takes.dtype is not np.uint8:
            scaled = pictures.astype(np.float32) / np.float32(255)
            channels = [np.array(each, dtype=np.float32).reshape(3, 1, 1) for each in (self.mean, self.std)]
            pictures = ((scaled - channels[0]) / channels[1]).astype(self.takes.dtype)
        if self.takes.channels_last:
            pictures = np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
        step = self.takes.batch or len(pictures)
        parts = [self._run(pictures[start : start + step], step) for start in range(0, len(pictures), step)]
        scores = scores_of(torch.cat(parts), len(pictures), self.output)
        return self.sign * scores.reshape(len(inputs), -1).mean(dim=1, keepdim=True)

    def _run(self, pictures: np.ndarray, step: int) -> Tensor:
        """Return the first output for pictures; a file of a fixed batch gets copies of the last one to fill it."""
        count = len(pictures)
        if count < step:
            pictures = np.concatenate([pictures, np.repeat(pictures[-1:], step - count, axis=0)])
        given = np.asarray(self._session.run(None, {self.takes.name: pictures})[0])
        if given.ndim and len(given) == len(pictures):
            return torch.from_numpy(given[:count].astype(np.float32))
        if len(pictures) == 1:
            return torch.from_numpy(given.astype(np.float32).reshape(1, -1))
        raise ValueError(f"the network gave shape {given.shape} for {len(pictures)} photos")

    def _follow(self, device: torch.device) -> None:
        """Run on the device of the run, where ONNX Runtime can."""
        if device.type == "cuda" and not self._on_gpu:
            self._on_gpu = True
            if "CUDAExecutionProvider" in _runtime().get_available_providers():
                self._session = _session(self.file, ["CUDAExecutionProvider", "CPUExecutionProvider"])


def _runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingResource(
            f"model=onnx: ONNX Runtime cannot be imported ({one_line(error)}); pip install 'iqbench[onnx]'"
        ) from error


def _session(file: Path, providers: list[str]) -> Any:
    runtime = _runtime()
    if not file.is_file():
        raise MissingResource(f"model.file={file}: there is no such file")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    try:
        return runtime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:
        raise UsageError(f"model.file={file}: ONNX Runtime cannot load it ({one_line(error)[:160]})") from error


def _input(session: Any, file: Path) -> Picture:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)
        raise UsageError(f"model.file={file}: has {len(inputs)} inputs ({names}); a scorer takes one, the picture")
    given = inputs[0]
    shape = [size if isinstance(size, int) and size > 0 else None for size in given.shape]
    if given.type not in TYPES or len(shape) != 4:
        kinds = ", ".join(TYPES)
        raise UsageError(f"model.file={file}: takes {given.type} {given.shape}; a picture is (n, 3, h, w) of {kinds}")
    batch, *rest = shape
    if rest[0] not in (3, None) and rest[2] != 3:
        raise UsageError(f"model.file={file}: takes pictures of shape {given.shape}; photos have 3 channels, RGB")
    if rest[0] == 3 or rest[2] != 3:
        return Picture(given.name, TYPES[given.type], False, batch, rest[1], rest[2])
    return Picture(given.name, TYPES[given.type], True, batch, rest[0], rest[1])
