"""Metrics: agreement of predictions with labels. Each is a function; an undefined metric is None, never 0."""

from iqbench.metrics.pairs import (
    accuracy_by_agreement,
    constant_accuracy,
    cross_entropy,
    pair_accuracy,
    voter_agreement,
)
from iqbench.metrics.series import kendall_in_series, top_1
from iqbench.metrics.votes import binary_accuracy, binary_constant_accuracy, emd, krcc, plcc, rmse, srcc

__all__ = [
    "accuracy_by_agreement",
    "binary_accuracy",
    "binary_constant_accuracy",
    "constant_accuracy",
    "cross_entropy",
    "emd",
    "kendall_in_series",
    "krcc",
    "pair_accuracy",
    "plcc",
    "rmse",
    "srcc",
    "top_1",
    "voter_agreement",
]
