"""Controls: two variants that show whether the benchmark itself, not the damage, changes a model's answer."""

from functools import partial

from torch import Tensor

from iqbench.degradations.jpeg import jpeg
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.exact.forms import has_tensor_form
from iqbench.interfaces import Photo, Variant

REENCODE_QUALITY = 95
"""JPEG quality of the predecessor's degraded copies; its originals were not re-encoded."""


@has_tensor_form(Tensor.clone)
def identity(photo: Photo) -> Photo:
    """Return a copy of ``photo``, which every model must call a tie."""
    return photo.copy()


def controls() -> list[Variant]:
    """Return the identity control and the re-encode control, which are added to every suite."""
    reencode = partial(jpeg, quality=REENCODE_QUALITY)
    ladders = [Ladder("identity", [Level("identity", identity)]), Ladder("reencode", [Level("reencode", reencode)])]
    return suite({"control": Degradation("control", ladders)})
