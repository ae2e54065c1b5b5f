"""A page of sections, tables and gaps to fill in: the form of breach notices, records and assessments.

The same document is written as HTML, to read and print, and as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from photogate import __version__
from photogate.audit.log import timestamp
from photogate.report.markup import Markup, join, page, table, tag

__all__ = ["Document", "Section", "Table", "document_json", "document_page"]

MOST_ROWS = 500
"""Of a table on the page. What is left out is said, and is in the JSON."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One section. `fill` are the things that only the organisation knows, with room for them on the page."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    fill: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document. `note` says what it is and what it is not."""

    kind: str
    title: str
    note: str
    about: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    made_at: datetime


def document_json(document: Document) -> dict[str, Any]:
    """Give a document as plain JSON values: a table's rows are objects by their column."""
    return {
        "kind": document.kind,
        "title": document.title,
        "note": document.note,
        "about": dict(document.about),
        "made_at": timestamp(document.made_at),
        "photogate": __version__,
        "sections": [
            {
                "title": section.title,
                "text": list(section.text),
                "tables": [
                    {"caption": t.caption, "rows": [dict(zip(t.head, row, strict=True)) for row in t.rows]}
                    for t in section.tables
                ],
                "to_fill_in": list(section.fill),
            }
            for section in document.sections
        ],
    }


def document_page(document: Document) -> str:
    """Give a document as one HTML page."""
    about = tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in document.about), class_="about")
    return page(
        document.title,
        tag("p", "Photogate", class_="over"),
        tag("h1", document.title),
        about,
        tag("p", document.note, class_="note"),
        *(part for section in document.sections for part in _section(section)),
        tag("footer", f"Photogate {__version__}. Made {timestamp(document.made_at)}."),
    )


def _section(section: Section) -> list[Markup]:
    return [
        tag("h2", section.title),
        *(tag("p", line) for line in section.text),
        *(part for t in section.tables for part in _table(t)),
        *(tag("p", tag("span", gap + ":", class_="gap"), tag("span", class_="fill")) for gap in section.fill),
    ]


def _table(t: Table) -> list[Markup]:
    if not t.rows:
        return [tag("p", f"{t.caption}: none.")]
    left = len(t.rows) - MOST_ROWS
    more = [tag("p", f"{left} more rows are in the JSON file beside this page.")] if left > 0 else []
    return [table(t.head, t.rows[:MOST_ROWS], t.caption), *more]
