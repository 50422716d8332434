"""The head of a learned model: a small network on the features of its backbone."""

from torch import nn

from iqbench.errors import UsageError


def head(width: int, hidden: int, answers: int, dropout: float, bias: bool = True) -> nn.Sequential:
    """Return a network of one hidden layer, or of none.

    Args:
        width: Number of input features.
        hidden: Number of hidden units, ``model.head_width``; 0 for one linear layer.
        answers: Number of outputs.
        dropout: Share of hidden units that training silences, ``model.dropout``. A linear head has none: silenced
            features, others of each photo of a pair, would drown small differences.
        bias: Whether the last layer has a bias.

    Raises:
        UsageError: If a number is out of range.
    """
    if not isinstance(hidden, int) or hidden < 0:
        raise UsageError(f"model.head_width={hidden}: must be a whole number of hidden units, or 0 for a linear head")
    if not 0 <= dropout < 1:
        raise UsageError(f"model.dropout={dropout}: must be a share, at least 0 and below 1")
    if hidden == 0:
        return nn.Sequential(nn.Linear(width, answers, bias=bias))
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, answers, bias=bias)
    )
