"""iqbench: a benchmark that shows the blind spots of image quality models.

Compare two photos, or score one::

    import iqbench

    iqbench.load("siamese").compare("a.jpg", "b.jpg")
    iqbench.load("ava").score("a.jpg")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqbench.judge import Judge

__all__ = ["load"]


def load(model: str, checkpoint: str | None = None, device: str = "auto") -> "Judge":
    """Return a model that compares and scores photo files.

    Args:
        model: A name from conf/model: ``siamese``, ``ava``, ``iqa``, ``sharpness``, ...
        checkpoint: A checkpoint file of a learned model, instead of its packaged reference weights. The file
            decides the architecture.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        UsageError: If there is no such model, or the checkpoint cannot be used.
    """
    from iqbench.judge import Judge  # deferred: it imports torch

    return Judge.load(model, checkpoint, device)
