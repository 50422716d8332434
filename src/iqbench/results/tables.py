"""Tables that are defined by a dataclass: their SQL, their inserts, and their types when they are read back.

``str`` is TEXT, ``int`` and ``bool`` are INTEGER, ``float`` is REAL, ``bytes`` is BLOB; a field that cannot be
None is NOT NULL. A field that holds another dataclass, or None, becomes a column for each field of that class, with
the prefix in its metadata.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: type
    nullable: bool


_SQL_TYPES = {str: "TEXT", int: "INTEGER", bool: "INTEGER", float: "REAL", bytes: "BLOB"}
_PANDAS_TYPES = {int: "int64", bool: "int64", float: "float64"}


@dataclass(frozen=True)
class Table:
    """A table of the store: its name, the class of its rows, the columns of its primary key, other unique columns.

    Example:
        >>> @dataclass(frozen=True)
        ... class Row:
        ...     name: str
        ...     size: int | None = None
        >>> table = Table("files", Row, key=("name",))
        >>> table.create
        'CREATE TABLE files (name TEXT NOT NULL, size INTEGER, PRIMARY KEY (name))'
        >>> table.values(Row("a.jpg", 5))
        ('a.jpg', 5)
    """

    name: str
    row: type
    key: tuple[str, ...]
    unique: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in the order of the row's fields."""
        return _columns(self.row)

    @property
    def create(self) -> str:
        """The SQL statement that creates the table."""
        lines = [f"{c.name} {_SQL_TYPES[c.kind]}{'' if c.nullable else ' NOT NULL'}" for c in self.columns]
        lines += [f"UNIQUE ({name})" for name in self.unique] + [f"PRIMARY KEY ({', '.join(self.key)})"]
        return f"CREATE TABLE {self.name} ({', '.join(lines)})"

    @property
    def insert(self) -> str:
        """The SQL statement that inserts a row with a new key."""
        return f"INSERT {self._into}"

    @property
    def upsert(self) -> str:
        """The SQL statement that inserts a row, or replaces the row of the same key."""
        return f"INSERT OR REPLACE {self._into}"

    @property
    def _into(self) -> str:
        names = [column.name for column in self.columns]
        return f"INTO {self.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def values(self, row: Any) -> tuple[Any, ...]:
        """Return the values of a row, in the order of the columns."""
        return _read(self.row)(row)

    @property
    def dtypes(self) -> dict[str, str]:
        """The pandas types of the numeric columns."""
        return {
            column.name: "Int64" if column.nullable and column.kind is int else _PANDAS_TYPES[column.kind]
            for column in self.columns
            if column.kind in _PANDAS_TYPES
        }


@cache
def _columns(row: type) -> tuple[Column, ...]:
    columns = tuple(_each_column(row))
    names = [column.name for column in columns]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{row.__name__}: more than one column is called {', '.join(duplicates)}")
    return columns


def _each_column(row: type) -> Iterator[Column]:
    hints = get_type_hints(row)
    for field in fields(row):
        kind, nullable = _without_none(hints[field.name])
        if is_dataclass(kind):
            for name, inner, _ in _columns(kind):
                yield Column(f"{field.metadata['prefix']}{name}", inner, True)
        else:
            yield Column(field.name, kind, nullable)


def _without_none(hint: Any) -> tuple[type, bool]:
    if get_origin(hint) in (Union, UnionType):
        (kind,) = (part for part in get_args(hint) if part is not type(None))
        return kind, True
    return hint, False


@cache
def _read(row: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads the values of rows of a class: many rows are written for each photo."""
    names = [field.name for field in fields(row)]
    own = attrgetter(*names, names[0])  # of at least two names, so that it gives a tuple
    inner = {
        at: (_read(kind), (None,) * len(_columns(kind)))
        for at, hint in enumerate(map(get_type_hints(row).get, names))
        if is_dataclass(kind := _without_none(hint)[0])
    }

    def read(one: Any) -> tuple[Any, ...]:
        values = own(one)[:-1]
        for at in reversed(inner):  # from the last, so that the places before it stay
            read_inner, nothing = inner[at]
            values = (*values[:at], *(nothing if values[at] is None else read_inner(values[at])), *values[at + 1 :])
        return values

    return read
