"""The result of a table of simulations, as a table in the terminal."""

from rich.table import Table

from proof.coverage.cells import Bar, Cell, SimulatedTable

Shares = dict[str, float]

MOST_ROWS = 24
"""Of a table with more cells only the worst ones of each number of photos are shown."""

WORST = 3


def result_table(table: SimulatedTable, values: list[tuple[Cell, Shares]]) -> Table:
    """Return the cells of a table with their shares and bars, and the range of each share."""
    arguments = list(dict.fromkeys(name for cell, _ in values for name in cell))
    names = list(dict.fromkeys(name for _, shares in values for name in shares))
    shown = values if len(values) <= MOST_ROWS else _worst(table, values)
    bars = [f"{name} {_text(bar)}" for name in names for bar in table.bars.get(name, ())]
    caption = "; ".join(bars) or "no bar"
    rich = Table(*arguments, *names, caption=f"{len(values)} cells; bars: {caption}", caption_justify="left")
    for cell, shares in shown:
        texts = (_share(table, cell, name, shares[name]) if name in shares else "" for name in names)
        rich.add_row(*(str(cell.get(name, "")) for name in arguments), *texts)
    rich.add_section()
    for label, extreme in (("lowest", min), ("highest", max)):
        ends = (f"{extreme(shares[name] for _, shares in values if name in shares):.3f}" for name in names)
        rich.add_row(label, *[""] * (len(arguments) - 1), *ends)
    return rich


def _share(table: SimulatedTable, cell: Cell, name: str, share: float) -> str:
    return f"{share:.3f}" + (" short" if table.shortfall(cell, name, share) > 0 else "")


def _worst(table: SimulatedTable, values: list[tuple[Cell, Shares]]) -> list[tuple[Cell, Shares]]:
    """Return the cells of each number of photos that are nearest to their bar, or short of it."""

    def distance(pair: tuple[Cell, Shares]) -> float:
        cell, shares = pair
        return max((table.shortfall(cell, name, share) for name, share in shares.items()), default=0.0)

    shown = []
    for photos in dict.fromkeys(cell.get("photos") for cell, _ in values):
        of_photos = [pair for pair in values if pair[0].get("photos") == photos]
        shown += sorted(of_photos, key=distance, reverse=True)[:WORST]
    return shown


def _text(bar: Bar) -> str:
    return f"{'at least' if bar.least else 'at most'} {bar.share:g}"
