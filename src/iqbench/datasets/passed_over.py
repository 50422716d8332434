"""Files of a folder that are not judged: how many, why, and where the first of each kind are."""

from collections.abc import Mapping, Sequence

UNSUPPORTED = "unsupported format: "
"""Begins the reason of photos that iqbench cannot read; the suffix follows."""

RESULTS = "iqbench results"
HIDDEN = "hidden"
NO_PHOTO = "not a photo"
EXCLUDED = "excluded by data.exclude"
NOT_INCLUDED = "not in data.include"
UNDECODABLE = "cannot be decoded: "
"""Begins the reason of photos that do not count towards a limit; the code follows."""

EXAMPLES = 3
"""Names that are kept of each reason."""

_WITHOUT_NAMES = (HIDDEN, NO_PHOTO, EXCLUDED, NOT_INCLUDED)
_TEXTS = {RESULTS: "written by iqbench"}


class PassedOver:
    """Counts of the files that are passed over by reason, with the names of the first ones."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        """Count a file or folder."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        names = self._names.setdefault(reason, [])
        if len(names) < EXAMPLES:
            names.append(name)

    @property
    def counts(self) -> dict[str, int]:
        """The number of files of each reason, sorted by reason."""
        return dict(sorted(self._counts.items()))

    @property
    def examples(self) -> dict[str, list[str]]:
        """The first names of each reason."""
        return dict(sorted(self._names.items()))


def passed_over_text(counts: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> str:
    """Return what was passed over in one line, "" if nothing was.

    Args:
        counts: The number of files by reason.
        examples: Names of each reason.

    Example:
        >>> passed_over_text({"hidden": 2, "unsupported format: heic": 1}, {"unsupported format: heic": ["./a.HEIC"]})
        '1 in a format that iqbench does not read, convert it to JPEG, PNG or TIFF (1 heic: ./a.HEIC); 2 hidden'
    """
    formats = {reason: count for reason, count in counts.items() if reason.startswith(UNSUPPORTED)}
    parts = [_formats_text(formats, examples)] if formats else []
    for reason, count in counts.items():
        if reason not in formats:
            names = () if reason in _WITHOUT_NAMES else examples.get(reason, ())
            parts.append(f"{count:,} {_TEXTS.get(reason, reason)}{_listed(names, count)}")
    return "; ".join(parts)


def _formats_text(formats: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> str:
    count = sum(formats.values())
    kinds = ", ".join(f"{number:,} {reason.removeprefix(UNSUPPORTED)}" for reason, number in formats.items())
    names = [name for reason in formats for name in examples.get(reason, ())[:1]]
    what = "in a format that iqbench does not read, convert it to JPEG, PNG or TIFF"
    if count > 1:
        what = "in formats that iqbench does not read, convert them to JPEG, PNG or TIFF"
    return f"{count:,} {what} ({kinds}{': ' * bool(names)}{_names(names, count)})"


def _listed(names: Sequence[str], count: int) -> str:
    return f" ({_names(names, count)})" if names else ""


def _names(names: Sequence[str], count: int) -> str:
    shown = [name if name.isprintable() else ascii(name)[1:-1] for name in names]
    return ", ".join([*shown, "..."] if shown and len(shown) < count else shown)
