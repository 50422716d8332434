"""The versions of iqbench and of installed distributions."""

import re
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

UNKNOWN = "unknown"


def iqbench_version() -> str:
    """Return the version of the running code: that of its checkout, else of the installed package.

    A checkout comes first, because the metadata of an editable install keep the version of the day it was installed.
    """
    project = _PACKAGE.parent.parent / "pyproject.toml"
    if project.is_file():
        text = project.read_text(encoding="utf-8")
        if re.search(r'^name = "iqbench"$', text, re.MULTILINE) and (
            version := re.search(r'^version = "([^"]+)"$', text, re.MULTILINE)
        ):
            return version[1]
    return distribution_version("iqbench")


def distribution_version(name: str) -> str:
    """Return the version of an installed distribution, ``unknown`` if it is not installed under that name."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return UNKNOWN
