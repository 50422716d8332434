"""Odd judges: one idea each. Unless it must fail, a judge's score is the mean of the picture, however it gets it."""

import ctypes
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageFile
from torch import Tensor, nn
from torchvision import tv_tensors

from iqbench.interfaces import Photo, Scorer

DARK = 45.0
"""Some judges fail on pictures whose mean is below this: on photos that were darkened by two stops."""


class Mean(Scorer):
    """The plain judge: what all others must agree with."""

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([photo.mean(dtype=np.float64)])

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


class MeanNetwork(nn.Module, Mean):
    """The plain judge as a network: its pictures travel whole, and are encoded in batches by inference threads."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = nn.Conv2d(3, 3, 1, bias=False).double()
        self.identity.weight.data.copy_(torch.eye(3)[:, :, None, None])

    def prepare(self, photo: Photo) -> Tensor:
        return torch.from_numpy(photo).permute(2, 0, 1)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.identity(inputs.double()).mean(dim=(1, 2, 3)).unsqueeze(1)


# What a worker sends


class NeedsGradient(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        return super().prepare(photo).requires_grad_()


class HasHistory(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        return super().prepare(photo).requires_grad_() * 1.0


class GivesParameter(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        return nn.Parameter(super().prepare(photo))


class GivesSubclass(MeanNetwork):
    def prepare(self, photo: Photo) -> Tensor:
        return tv_tensors.Image(super().prepare(photo))


class GivesConjugate(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        return torch.complex(super().prepare(photo), torch.zeros(1, dtype=torch.float64)).conj()

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs.real


class GivesExpandedView(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        return super().prepare(photo).expand(500, 1000)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0, :1]


class GivesHalf(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        return super().prepare(photo).bfloat16()


class Prepares(Mean):
    """Gives ``result`` of the plain input."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def prepare(self, photo: Photo) -> Any:
        mean = super().prepare(photo)
        forms: dict[str, Callable[[], Any]] = {
            "numpy": mean.numpy,
            "pil": lambda: Image.fromarray(photo),
            "dict": lambda: {"pixel_values": mean},
            "list": lambda: [mean],
            "nothing": lambda: None,
            "float": mean.item,
            "sparse": mean.to_sparse,
            "meta": lambda: mean.to("meta"),
            "quantised": lambda: torch.quantize_per_tensor(mean.float(), 1.0, 0, torch.quint8),
        }
        return forms[self.kind]()


# Types and shapes


class Encodes(Mean):
    """Gives its encodings as another type, or in another shape."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def encode(self, inputs: Tensor) -> Any:
        forms: dict[str, Callable[[], Any]] = {
            "floats": lambda: inputs[:, 0].tolist(),
            "list": lambda: list(inputs),
            "tuple": lambda: (inputs, inputs),
            "dict": lambda: {"logits": inputs},
            "numpy": inputs.numpy,
            "nothing": lambda: None,
            "bool": lambda: inputs > 100,
            "int": inputs.long,
            "complex": lambda: torch.complex(inputs, inputs),
            "flat": lambda: inputs[:, 0],
            "one row": lambda: inputs[:1],
            "two columns": lambda: torch.cat([inputs, inputs], dim=1),
            "sparse": inputs.to_sparse,
            "nan": lambda: inputs * torch.nan,
            "half": inputs.half,
            "bfloat16": inputs.bfloat16,
        }
        return forms[self.kind]()


class Compares:
    """A judge of pairs whose margins are of another type, or in another shape."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([photo.mean(dtype=np.float64)])

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs

    def margin(self, first: Tensor, second: Tensor) -> Any:
        margin = (first - second)[:, 0]
        forms: dict[str, Callable[[], Any]] = {
            "column": lambda: margin[:, None],
            "floats": margin.tolist,
            "one float": margin.sum().item,
            "bool": lambda: margin > 0,
            "numpy": margin.numpy,
            "nothing": lambda: None,
            "infinite": lambda: margin / 0,
            "half": margin.half,
        }
        return forms[self.kind]()


class AsWideAsThePicture(Mean):
    """Its encoding has as many numbers as the picture has columns."""

    def prepare(self, photo: Photo) -> Tensor:
        return torch.full((photo.shape[1],), photo.mean(dtype=np.float64))

    def margin(self, first: Tensor, second: Tensor) -> Tensor:  # type: ignore[misc]  # a judge of pairs in all but name
        return (first - second).mean(dim=1)


class OnlyEncodes:
    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


# What is raised


class OwnError(Exception):
    pass


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class UnpicklableError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("cannot be pickled")


class OwnExit(BaseException):
    pass


def _errors(kind: str) -> BaseException:
    errors: dict[str, Callable[[], BaseException]] = {
        "own": lambda: OwnError("only bright pictures"),
        "file": lambda: FileNotFoundError(2, "No such file", "lens.json"),
        "permission": lambda: PermissionError(13, "Permission denied", "lens.json"),
        "attribute": lambda: AttributeError("no such thing"),
        "unprintable": UnprintableError,
        "unpicklable": UnpicklableError,
        "huge": lambda: ValueError("line\n" * 5_000_000),
        "undecodable": lambda: ValueError("caf\udce9 \0 \x1b[31m"),
        "iteration": StopIteration,
        "generator": GeneratorExit,
        "own exit": OwnExit,
        "memory": MemoryError,
        "import": lambda: ImportError("no module named lens"),
        "disk": lambda: OSError(28, "No space left on device", "cache.bin"),
        "exit": lambda: SystemExit(0),
    }
    return errors[kind]()


class Raises(Mean):
    """Raises on dark pictures, in ``prepare``, ``encode`` or ``margin``."""

    def __init__(self, kind: str, where: str) -> None:
        self.kind, self.where = kind, where

    def prepare(self, photo: Photo) -> Tensor:
        if self.where == "prepare" and photo.mean() < DARK:
            raise _errors(self.kind)
        return super().prepare(photo)

    def encode(self, inputs: Tensor) -> Tensor:
        if self.where == "encode" and bool((inputs < DARK).any()):
            raise _errors(self.kind)
        return inputs

    def margin(self, first: Tensor, second: Tensor) -> Tensor:  # type: ignore[misc]
        if self.where == "margin" and bool((torch.cat([first, second]) < DARK).any()):
            raise _errors(self.kind)
        return super().margin(first, second)


class RaisesInThread(MeanNetwork):
    """Raises on dark pictures while an inference thread encodes them."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def encode(self, inputs: Tensor) -> Tensor:
        means = super().encode(inputs)
        if bool((means < DARK).any()):
            raise _errors(self.kind)
        return means


class WarningsAreErrors(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if photo.mean() < DARK:
                warnings.warn("dark", UserWarning, stacklevel=1)
        return super().prepare(photo)


class NeedsLargePictures(MeanNetwork):
    """Is trained for photos of 120 x 130 pixels or more, which all photos of the folder are."""

    def prepare(self, photo: Photo) -> Tensor:
        if photo.shape[0] < 120 or photo.shape[1] < 130:
            raise OwnError(f"{photo.shape[:2]} is too small")
        return super().prepare(photo)


# State


def let_others_in() -> None:
    """Wait until another thread has come in, or is not going to."""
    if len(_inside) == 0:
        _inside.append(True)
        with suppress(threading.BrokenBarrierError):
            _meeting.wait(0.01)
        _meeting.reset()
        _inside.clear()
    else:
        with suppress(threading.BrokenBarrierError):
            _meeting.wait(0.01)


_inside: list[bool] = []
_meeting = threading.Barrier(2)


class Hooked(MeanNetwork):
    """Keeps the features of a layer in itself, by a hook, as feature extractors do."""

    def __init__(self) -> None:
        super().__init__()
        self.identity.register_forward_hook(self.keep)
        self.features = torch.zeros(0)

    def keep(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        self.features = output

    def encode(self, inputs: Tensor) -> Tensor:
        self.identity(inputs.double())
        let_others_in()
        return self.features.mean(dim=(1, 2, 3)).unsqueeze(1)


class SaysThreadSafeButIsHooked(Hooked):
    thread_safe = True


class RemembersItsBatch(MeanNetwork):
    """Keeps its input in itself between the steps of each call, in all three functions."""

    def prepare(self, photo: Photo) -> Tensor:
        self.current = super().prepare(photo)
        let_others_in()
        return self.current

    def encode(self, inputs: Tensor) -> Tensor:
        self.current = inputs.double()
        let_others_in()
        return self.current.mean(dim=(1, 2, 3)).unsqueeze(1)

    def margin(self, first: Tensor, second: Tensor) -> Tensor:  # type: ignore[misc]
        self.current = first
        let_others_in()
        return (self.current - second)[:, 0]


class WritesIntoPhoto(Mean):
    """Subtracts the mean in place, through a tensor, which ignores that an array is read-only."""

    def prepare(self, photo: Photo) -> Tensor:
        mean = super().prepare(photo)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.from_numpy(photo).mul_(0)
        return mean


class WritesIntoArray(Mean):
    def prepare(self, photo: Photo) -> Tensor:
        mean = super().prepare(photo)
        photo[:] = 0
        return mean


class WritesIntoBatch(MeanNetwork):
    """Changes its batch in place, before it fails on more than one picture at a time."""

    def encode(self, inputs: Tensor) -> Tensor:
        means = super().encode(inputs)
        inputs.zero_()
        if len(inputs) > 1:
            raise OwnError("one at a time")
        return means


class WritesIntoEncodings(Compares):
    def __init__(self) -> None:
        super().__init__("float64")

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return first.sub_(second)[:, 0]


class OneOutputBuffer(MeanNetwork):
    """Writes all encodings into the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = torch.zeros(64, 1, dtype=torch.float64)

    def encode(self, inputs: Tensor) -> Tensor:
        means = self.buffer[: len(inputs)]
        means.copy_(super().encode(inputs))
        return means


class OneInputBuffer(Mean):
    """Writes all pictures into the same memory."""

    def __init__(self) -> None:
        self.buffer = torch.zeros(1, dtype=torch.float64)

    def prepare(self, photo: Photo) -> Tensor:
        return self.buffer.copy_(super().prepare(photo))


class ChangesFolder(MeanNetwork):
    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when
        self.move("init")

    def move(self, now: str) -> None:
        if now == self.when:
            os.chdir("/" if os.name != "nt" else "C:\\")

    def prepare(self, photo: Photo) -> Tensor:
        self.move("prepare")
        return super().prepare(photo)

    def encode(self, inputs: Tensor) -> Tensor:
        self.move("encode")
        return super().encode(inputs)


class ChangesPillow(Mean):
    def __init__(self, permitted: int | None) -> None:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        Image.MAX_IMAGE_PIXELS = permitted


class ChangesDefaults(MeanNetwork):
    """Changes settings of torch, NumPy and Python for the whole process."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind == "dtype":
            torch.set_default_dtype(torch.float16)
        if kind == "device":
            torch.set_default_device("meta")
        if kind == "numpy":
            np.seterr(all="raise")
        if kind == "warnings":
            warnings.simplefilter("error")
        if kind == "grad":
            torch.set_grad_enabled(False)
        if kind == "autocast":
            torch.set_autocast_enabled("cpu", True)
        if kind == "threads":
            torch.set_num_threads(7)


class CallsTrain(MeanNetwork):
    """Goes into training mode in ``encode``, where its dropout answers at random."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def encode(self, inputs: Tensor) -> Tensor:
        means = self.dropout(super().encode(inputs))
        self.train()
        return means


class DependsOnItsBatch(MeanNetwork):
    """Is normalised over its batch, as in training."""

    def encode(self, inputs: Tensor) -> Tensor:
        means = super().encode(inputs)
        return means - means.mean()


# Networks out of the ordinary


class NoDeepCopy(MeanNetwork):
    def __deepcopy__(self, memo: object) -> Any:
        raise TypeError("cannot be copied")


class EvalGivesNothing(MeanNetwork):
    def eval(self) -> Any:
        super().eval()

    def to(self, *args: object, **kwargs: object) -> Any:
        raise ValueError("`.to` is not supported for 8-bit models")


class OfVolumes(MeanNetwork):
    """Has weights of five dimensions, which know another channels-last."""

    def __init__(self) -> None:
        super().__init__()
        self.volume = nn.Conv3d(1, 1, 1, bias=False).double()
        nn.init.ones_(self.volume.weight)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.volume(inputs.double().unsqueeze(1)).mean(dim=(1, 2, 3, 4)).unsqueeze(1)


class Traced(MeanNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.identity = torch.jit.trace(self.identity, torch.zeros(1, 3, 8, 8, dtype=torch.float64))


class Normed(MeanNetwork):
    def __init__(self) -> None:
        super().__init__()
        nn.utils.parametrizations.weight_norm(self.identity)


class Lazy(MeanNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.LazyLinear(1, dtype=torch.float64)

    def encode(self, inputs: Tensor) -> Tensor:
        means = super().encode(inputs)
        return means + 0 * self.last(means)


class OnMeta(MeanNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.identity = nn.Conv2d(3, 3, 1, device="meta")


class HalfWeights(MeanNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.identity.half()


class ComplexWeights(MeanNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.phase = nn.Parameter(torch.ones(1, dtype=torch.complex128))

    def encode(self, inputs: Tensor) -> Tensor:
        return (super().encode(inputs) * self.phase).real


class Quantised(MeanNetwork):
    """Has packed weights of eight bits, which are no tensors."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.packed = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 1)), {nn.Linear})

    def encode(self, inputs: Tensor) -> Tensor:
        means = super().encode(inputs)
        return means + 0 * self.packed(means.float().expand(-1, 2))


class ExtraState(MeanNetwork):
    def get_extra_state(self) -> dict[str, int]:
        return {"version": 2}

    def set_extra_state(self, state: dict[str, int]) -> None:
        pass


def in_parallel() -> nn.Module:
    return nn.DataParallel(MeanNetwork())


def compiled() -> Any:
    return torch.compile(MeanNetwork(), backend="eager")


class Killed(MeanNetwork):
    """Its process dies of every photo."""

    def prepare(self, photo: Photo) -> Tensor:
        os._exit(9)


class Hidden(Mean):
    """Cannot be pickled for workers that are not forked."""

    def __init__(self) -> None:
        self.scale = lambda mean: mean

    def prepare(self, photo: Photo) -> Tensor:
        return self.scale(super().prepare(photo))


# What one model does to the others of its pass

ODD_SHAPE = (160, 140)
"""Height and width of the photo on which some judges are odd, as of its copies that are not cropped."""


def _deeds(kind: str) -> None:
    deeds: dict[str, Callable[[], Any]] = {
        "dies": lambda: os._exit(9),
        "segfaults": lambda: ctypes.string_at(0),
        "folder": lambda: os.chdir("/" if os.name != "nt" else "C:\\"),
        "dtype": lambda: torch.set_default_dtype(torch.float16),
        "numpy": lambda: np.seterr(all="raise"),
        "threads": lambda: torch.set_num_threads(7),
        "cv2 threads": lambda: cv2.setNumThreads(3),
        "grad": lambda: torch.set_grad_enabled(False),
        "autocast": lambda: torch.set_autocast_enabled("cpu", True),
        "warnings": lambda: warnings.simplefilter("error"),
        "pillow": lambda: setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True),
        "random seed": lambda: (random.seed(1), np.random.seed(2), torch.manual_seed(3)),
        "exits": lambda: sys.exit(4),
        "import": lambda: _raise(ImportError("no module named lens")),
        "memory": lambda: _raise(MemoryError()),
    }
    if kind == "hangs":
        while True:
            pass
    deeds[kind]()


def _raise(error: Exception) -> None:
    raise error


class OddOnOnePhoto(Mean):
    """Does something odd in the middle of a run, when it comes to one of the photos."""

    def __init__(self, kind: str, where: str) -> None:
        self.kind, self.where = kind, where

    def prepare(self, photo: Photo) -> Tensor:
        is_odd = photo.shape[:2] == ODD_SHAPE
        if is_odd and self.where == "prepare":
            _deeds(self.kind)
        return torch.cat([super().prepare(photo), torch.tensor([float(is_odd)], dtype=torch.float64)])

    def encode(self, inputs: Tensor) -> Tensor:
        if self.where == "encode" and bool(inputs[:, 1].any()):
            _deeds(self.kind)
        return inputs[:, :1]


class NeedsSettings(Mean):
    """Answers in another way, or not at all, in a process whose settings another model has changed."""

    def prepare(self, photo: Photo) -> Tensor:
        with warnings.catch_warnings(record=True):
            warnings.warn("harmless", UserWarning, stacklevel=1)
        np.zeros(1) / np.zeros(1)
        settings = [float(torch.ones(1).element_size()), float(torch.get_num_threads()), float(cv2.getNumThreads())]
        settings += [float(ImageFile.LOAD_TRUNCATED_IMAGES), float(len(os.getcwd()))]  # noqa: PTH109
        return torch.tensor([photo.mean(dtype=np.float64) + sum(settings)], dtype=torch.float64)


class Draws(Mean):
    """Adds noise from the random numbers that all code shares."""

    def __init__(self, source: str, where: str) -> None:
        self.source, self.where = source, where

    def noise(self) -> float:
        draw: dict[str, Callable[[], Any]] = {"torch": lambda: torch.rand(1).item(), "numpy": np.random.rand}
        return float({**draw, "python": random.random}[self.source]())

    def prepare(self, photo: Photo) -> Tensor:
        return super().prepare(photo) + (self.noise() if self.where == "prepare" else 0.0)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs + (self.noise() if self.where == "encode" else 0.0)
