"""The saved queries: ten questions that analysts ask of an export, one file each, in `saved/`.

They are written in the SQL that Trino (Athena) and DuckDB both read, over one table `events` with a column for each
of an event's fields; `details` is JSON text. The template holds the same text, to the letter. `views/` says how
`events` is made of an export, for both engines, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

__all__ = ["SavedQuery", "event_view", "saved_queries"]

_PARAMETERS = "-- Parameters: "


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One saved query.

    Attributes
    ----------
    name
        The file's name without its ending.
    sql
        The file's text.
    """

    name: str
    sql: str

    @property
    def title(self) -> str:
        """What it answers: the first line."""
        return self.sql.splitlines()[0].removeprefix("-- ")

    @property
    def parameters(self) -> tuple[str, ...]:
        """What stands for each `?`, in order: the second line, where there is one."""
        second = self.sql.splitlines()[1]
        return tuple(second.removeprefix(_PARAMETERS).rstrip(".").split("; ")) if second.startswith(_PARAMETERS) else ()


@cache
def saved_queries() -> Mapping[str, SavedQuery]:
    """Give all of them, by name."""
    found = [entry for entry in files("photogate.audit").joinpath("saved").iterdir() if entry.name.endswith(".sql")]
    queries = [SavedQuery(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8")) for entry in found]
    return MappingProxyType({query.name: query for query in sorted(queries, key=lambda query: query.name)})


def event_view(source: str) -> str:
    """Give the query that makes `events` of the table `parquet_export` or `table_export`."""
    path = files("photogate.audit").joinpath("views").joinpath(f"events_of_{source}.sql")
    return path.read_text(encoding="utf-8")
