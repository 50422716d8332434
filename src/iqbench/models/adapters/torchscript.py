"""Networks saved with their code: TorchScript files, and programs of ``torch.export``."""

import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from iqbench.errors import MissingResource, UsageError, one_line
from iqbench.models.adapters.network import LoadedScorer, Output, checked_output, view_of
from iqbench.paths import absolute


def torchscript_model(
    file: str,
    higher_is_better: bool,
    preprocessing: str | None,
    size: int,
    mean: list[float] | None,
    std: list[float] | None,
    output: Output,
) -> LoadedScorer:
    """Return the scorer of a network in a file of ``torch.jit.save``, or of ``torch.export.save`` (.pt2).

    Such a file is code: load only files that you trust. See `iqbench.models.adapters.network.network_model` for the
    other settings.

    Raises:
        MissingResource: If there is no such file.
        UsageError: If it is no such network.
    """
    network = _loaded(absolute(file, "model.file"))
    rule = view_of(preprocessing, size)
    return LoadedScorer(network, higher_is_better, rule, mean, std, checked_output(output))


def _loaded(file: Path) -> nn.Module:
    if not file.is_file():
        raise MissingResource(f"model.file={file}: there is no such file")
    if not zipfile.is_zipfile(file):
        raise UsageError(f"model.file={file}: is no file of torch.jit.save or torch.export.save")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is deprecated, which somebody with a file cannot change
            if file.suffix == ".pt2":
                return torch.export.load(file).module()
            network: nn.Module = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
            return network.eval()
    except Exception as error:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        hint = ""
        if any(name.endswith("data.pkl") for name in names) and not any("/code/" in name for name in names):
            hint = "; it holds weights without code: use model=network model.target=... model.weights=FILE"
        raise UsageError(f"model.file={file}: cannot be loaded ({one_line(error)[:120]}){hint}") from error
