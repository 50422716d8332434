"""The processes of a distributed training."""

import os

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")
"""Environment variables in which launchers number the processes, from 0."""


def is_main_process() -> bool:
    """Return whether this is the process that owns the output folder and speaks for all others."""
    return all(os.environ.get(rank, "0") == "0" for rank in RANKS)
