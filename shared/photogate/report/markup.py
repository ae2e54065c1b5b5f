"""HTML that cannot be broken by what is put into it: every text is escaped where it is put into an element."""

from __future__ import annotations

import html
from collections.abc import Iterable
from importlib.resources import files

__all__ = ["Markup", "join", "page", "table", "tag"]

VOID = ("br", "hr", "img", "meta")


class Markup(str):
    """Text that is HTML already. Only `tag` and `join` make it."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """Make an element: children that are plain text are escaped, and so are attributes.

    An attribute's trailing underscore is dropped (`class_`), others become hyphens.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value, quote=True)}"' for key, value in attributes.items()
    )
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Put parts one after the other; plain text among them is escaped."""
    return Markup(html.escape(between).join(p if isinstance(p, Markup) else html.escape(p) for p in parts))


def table(head: Iterable[str], rows: Iterable[Iterable[str]], caption: str = "") -> Markup:
    """Make a table whose head repeats on every printed page."""
    body = join(tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    title = [tag("caption", caption)] if caption else []
    return tag("table", *title, tag("thead", tag("tr", *(tag("th", h, scope="col") for h in head))), tag("tbody", body))


def page(title: str, *body: str, sources: str = "") -> str:
    """Make a whole document: no script, nothing from elsewhere.

    Parameters
    ----------
    sources
        What the page's Content-Security-Policy lets in beside its style, such as pictures that lie beside it.
    """
    policy = "; ".join(filter(None, ("default-src 'none'; style-src 'unsafe-inline'", sources)))
    style = files("photogate.report").joinpath("style.css").read_text(encoding="utf-8")
    head = join(
        (
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("title", title),
            tag("style", Markup(style)),
        )
    )
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", tag("main", *body)), lang="en") + "\n"
