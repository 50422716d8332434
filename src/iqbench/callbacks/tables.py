"""Tables on the disk, whole or not there at all."""

import os
from pathlib import Path

import pandas as pd


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a Parquet file beside its place, then move it there, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        table.to_parquet(temporary, index=False)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
