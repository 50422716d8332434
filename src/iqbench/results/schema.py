"""The schema of a store: its tables, the columns of the verdict table, and those that are exported.

Each row class is the single definition of its table; see `iqbench.results.tables`. To export one more column, add
a field and a line in `VERDICT_COLUMNS` here, and the code that fills it. An image statistic needs nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple, Self

from iqbench.degradations.ladder import planned_pairs
from iqbench.inference.image_statistics import ImageStatistics
from iqbench.inference.worker import PhotoRecord
from iqbench.interfaces import Variant
from iqbench.results import FILE_NAME as FILE_NAME
from iqbench.results.tables import Table

FORMAT = 4
"""The version of the tables. A store of another version is refused."""

ORIGINAL = "original"
"""The reference of the pairs that verdicts are about. Other references are the next milder level."""


@dataclass(frozen=True)
class VariantRow:
    """A variant of the suite, with a digest of its picture of the synthetic photo."""

    position: int
    key: str
    degradation_type: str
    degradation_group: str
    ladder: str
    degradation_level: str
    severity: int
    amount: float | None
    unit: str
    digest: str

    @classmethod
    def of(cls, position: int, variant: Variant, digest: str) -> Self:
        """Return the row of a variant."""
        return cls(
            position,
            variant.key,
            variant.type,
            variant.group,
            variant.ladder,
            variant.level,
            variant.severity,
            variant.amount,
            variant.unit,
            digest,
        )


@dataclass(frozen=True)
class PhotoRow:
    """A photo as it was read, or the reason why it could not be read.

    ``series`` is that of the data set, "" if it has none. ``look`` is the perceptual hash, None if the photo could not
    be read or has little structure; see `iqbench.inference.perceptual_hash`.
    """

    name: str
    sha256: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    seen_in_training: bool = False
    status: str = "ok"
    error: str = ""
    notes: str = ""
    statistics: ImageStatistics | None = field(default=None, metadata={"prefix": ""})
    series: str = ""
    look: str | None = None

    @classmethod
    def of(cls, record: PhotoRecord, seen_in_training: bool, series: str = "") -> Self:
        """Return the row of a photo."""
        return cls(
            record.name,
            record.sha256,
            record.file_bytes,
            record.width,
            record.height,
            seen_in_training,
            record.status,
            record.error,
            record.notes,
            record.statistics,
            series,
            record.look,
        )


@dataclass(frozen=True)
class PairRow:
    """A model's answers about one pair: the margins with ``reference`` first and second, and scores.

    ``input_change`` and ``input_change_max`` are the mean and largest absolute change at the model's own input.
    """

    photo: str
    reference: str
    variant: str
    forward: float | None = None
    backward: float | None = None
    score_reference: float | None = None
    score_variant: float | None = None
    input_change: float | None = None
    input_change_max: float | None = None
    status: str = "ok"
    error: str = ""
    variant_statistics: ImageStatistics | None = field(default=None, metadata={"prefix": "variant_"})


@dataclass(frozen=True)
class RepeatRow:
    """A model's margins about a photo and one of its variants in the repeat sample."""

    photo: str
    variant: str
    forward: float
    backward: float


@dataclass(frozen=True)
class CrossPairRow:
    """A model's margins about the original of one photo and a variant of another: the original first, and second.

    Only models without scores have such rows, about a sample of photos. A pair without an answer has no row.
    """

    photo: str
    variant: str
    original: str
    original_sha256: str
    forward: float
    backward: float


@dataclass(frozen=True)
class GalleryPicture:
    """Pictures of a photo and one of its variants, as JPEG: small, at 100 %, and as the model's input.

    ``input_original`` and ``input_degraded`` are None where the model's input is not a picture; ``input_about``
    describes the input in words.
    """

    sha256: str
    variant: str
    whole_original: bytes
    whole_degraded: bytes
    detail_original: bytes
    detail_degraded: bytes
    input_original: bytes | None
    input_degraded: bytes | None
    input_about: str


IMAGE_STATISTICS = tuple(statistic.name for statistic in fields(ImageStatistics))
"""The names of the image statistics, in the order of their columns."""

VARIANTS = Table("variants", VariantRow, ("position",), unique=("key",))
PHOTOS = Table("photos", PhotoRow, ("name",))
PAIRS = Table("pairs", PairRow, ("photo", "reference", "variant"))
REPEATS = Table("repeats", RepeatRow, ("photo", "variant"))
GALLERY = Table("gallery", GalleryPicture, ("sha256", "variant"))
CROSS_PAIRS = Table("cross_pairs", CrossPairRow, ("photo", "original", "variant"))
TABLES = (VARIANTS, PHOTOS, PAIRS, REPEATS, CROSS_PAIRS, GALLERY)

RUN_TABLE = "CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
"""The format of the store, and the identity and details of its run as JSON."""


class VerdictColumn(NamedTuple):
    """A column of the verdict table: its name, its source, and whether it is exported.

    The source is a column of a table (``pairs.status``), a value of the run's identity or details
    (``identity.model_name``), or `COMPUTED`.
    """

    name: str
    source: str
    exported: bool = False


COMPUTED = "computed"
"""The source of columns that the protocol or the statistics compute."""

VERDICT_COLUMNS = (
    VerdictColumn("model_name", "identity.model_name", exported=True),
    VerdictColumn("model_type", "details.model_type", exported=True),
    VerdictColumn("original", "pairs.photo", exported=True),
    VerdictColumn("degraded", COMPUTED, exported=True),
    VerdictColumn("degradation_type", "variants.degradation_type", exported=True),
    VerdictColumn("degradation_level", "variants.degradation_level", exported=True),
    VerdictColumn("prediction", COMPUTED, exported=True),
    VerdictColumn("confidence", COMPUTED, exported=True),
    VerdictColumn("score_original", "pairs.score_reference", exported=True),
    VerdictColumn("score_degraded", "pairs.score_variant", exported=True),
    VerdictColumn("correct", COMPUTED, exported=True),
    VerdictColumn("degradation_group", "variants.degradation_group", exported=True),
    VerdictColumn("ladder", "variants.ladder", exported=True),
    VerdictColumn("severity", "variants.severity", exported=True),
    VerdictColumn("margin", COMPUTED, exported=True),
    VerdictColumn("probability", COMPUTED, exported=True),
    VerdictColumn("legacy_confidence", COMPUTED, exported=True),
    VerdictColumn("order_consistent", COMPUTED, exported=True),
    VerdictColumn("input_change", "pairs.input_change", exported=True),
    VerdictColumn("input_change_max", "pairs.input_change_max", exported=True),
    VerdictColumn("status", "pairs.status", exported=True),
    VerdictColumn("error", "pairs.error", exported=True),
    VerdictColumn("model_fingerprint", "identity.model_fingerprint", exported=True),
    VerdictColumn("photo_sha256", "photos.sha256", exported=True),
    VerdictColumn("cluster", COMPUTED, exported=True),
    VerdictColumn("variant", "pairs.variant"),
    VerdictColumn("forward", "pairs.forward"),
    VerdictColumn("backward", "pairs.backward"),
    VerdictColumn("amount", "variants.amount"),
    VerdictColumn("unit", "variants.unit"),
    *(VerdictColumn(f"original_{name}", f"photos.{name}") for name in IMAGE_STATISTICS),
    *(VerdictColumn(f"variant_{name}", f"pairs.variant_{name}") for name in IMAGE_STATISTICS),
)
"""The columns of the verdict table. Those that are exported come first, in the order of unified_results."""

EXPORTED_COLUMNS = [column.name for column in VERDICT_COLUMNS if column.exported]
"""The columns of unified_results. The predecessor's come first."""

MANIFEST_COLUMNS = [column.name for column in PHOTOS.columns if column.name not in ("seen_in_training", "pixels")]
"""The columns of the manifest of photos."""


def planned_cells(keys: Sequence[str], ladders: Sequence[str]) -> set[tuple[str, str]]:
    """Return the planned pairs of a photo, as keys of reference and variant.

    Args:
        keys: The keys of the variants, in the order of the suite.
        ladders: Their ladders.
    """
    names = [ORIGINAL, *keys]
    return {(names[reference], names[variant]) for reference, variant in planned_pairs(ladders)}
