"""The page of a subject's export: for a person to read, on a screen or on paper. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from photogate.audit.event import ActorKind
from photogate.consent import Consent, ConsentState
from photogate.report.markup import Markup, join, page, table, tag
from photogate.subject_export import SubjectExport, photo_file
from photogate.uploads import Status, Upload

__all__ = ["subject_page"]

STATUS_WORDS = {
    Status.AWAITING_UPLOAD: "Announced; the photo has not come yet",
    Status.PROCESSING: "Being checked",
    Status.ACCEPTED: "Stored",
    Status.REDACTED: "Stored, with parts hidden",
    Status.RETAKE: "Not stored: you were asked for another photo",
    Status.IN_REVIEW: "Waits for a person to look at it",
    Status.REJECTED: "Not stored",
    Status.EXPIRED: "Never arrived",
    Status.ERASED: "Erased",
}
STATE_WORDS = {
    ConsentState.GIVEN: "You agreed",
    ConsentState.REFUSED: "You did not agree",
    ConsentState.WITHDRAWN: "You took your consent back",
    ConsentState.EXPIRED: "It ended by itself",
    ConsentState.RECONFIRMED: "You agreed again",
}
CAPACITY_WORDS = {
    "self": "for yourself",
    "guardian": "as a guardian",
    "third_party_asserted": "for somebody else, as you said",
}
ABOUT = (
    "Everything that is kept under your pseudonym: the photos that were stored, your consents, what happened to each "
    "photo, and who looked. Your name is not here because it is not kept: the service knows the pseudonym alone."
)
UNDER_REVIEW = (
    "A photo that waits for a person is kept encrypted, apart from the others, and is not in this export. Ask whoever "
    "gave you this page if you want it."
)
CHECKING = (
    "Each event has a receipt, a small text file. It proves that the event stands in the log of which the service has "
    "signed a checkpoint, and anyone who has the log's public key can check it, with no access to the service:"
)


def subject_page(export: SubjectExport, receipts: Mapping[tuple[str, int], str]) -> str:
    """Give the page.

    Parameters
    ----------
    receipts
        File names of receipts, relative to the page, by chain and sequence of their events.
    """
    others = tuple(u for u in export.uploads if u not in export.kept)
    body = [
        tag("p", "Subject access", class_="over"),
        tag("h1", "What is kept about you"),
        _about(export),
        tag("p", ABOUT, class_="note"),
        _tiles(export),
        tag("h2", "Photos"),
        _gallery(export) if export.kept else tag("p", "No photo is stored."),
    ]
    if others:
        body += [tag("h3", "Other uploads"), _uploads(others)]
    if any(u.status is Status.IN_REVIEW for u in others):
        body.append(tag("p", UNDER_REVIEW, class_="note"))
    body += [tag("h2", "Consents"), *[_consent(c, export) for c in export.consents]]
    if not export.consents:
        body.append(tag("p", "None was asked of you."))
    body += [tag("h2", "Who has looked"), _disclosures(export)]
    body += [tag("h2", "What happened"), _events(export, receipts), tag("h2", "How to check this"), *_checking()]
    body.append(tag("footer", f"Made by Photogate on {_day(export.made_at)}. All times are UTC."))
    return page("What is kept about you", *body, sources="img-src 'self' file:")


def _about(export: SubjectExport) -> Markup:
    rows = {
        "Kept by": export.tenant,
        "Your pseudonym": tag("code", export.subject),
        "Made": _moment(export.made_at),
    }
    return tag("dl", *(join((tag("dt", k), tag("dd", v))) for k, v in rows.items()), class_="about")


def _tiles(export: SubjectExport) -> Markup:
    standing = sum(c.state.stands and export.made_at < c.valid_until for c in export.consents)
    staff = sum(d.kind is ActorKind.STAFF for d in export.disclosures)
    numbers = (
        (len(export.kept), "photo stored", "photos stored"),
        (standing, "consent that stands", "consents that stand"),
        (staff, "time that staff looked", "times that staff looked"),
    )
    return tag(
        "ul", *(tag("li", tag("b", str(n)), one if n == 1 else many) for n, one, many in numbers), class_="tiles"
    )


def _gallery(export: SubjectExport) -> Markup:
    return tag("div", *map(_card, export.kept), class_="gallery")


def _card(upload: Upload) -> Markup:
    name = photo_file(upload)
    until = f"Kept until {_day(upload.retain_until)}" if upload.retain_until else ""
    return tag(
        "figure",
        tag("a", tag("img", src=name, alt=f"Photo {upload.upload_id}"), href=name),
        tag(
            "figcaption",
            tag("b", STATUS_WORDS[upload.status]),
            tag("br"),
            f"{_words(upload.purpose)}, {_moment(upload.created_at)}",
            tag("br"),
            until,
            tag("br"),
            tag("code", upload.upload_id),
        ),
    )


def _uploads(uploads: tuple[Upload, ...]) -> Markup:
    rows = (
        (
            _moment(u.created_at),
            STATUS_WORDS[u.status],
            u.reason.value.replace("_", " ").capitalize() if u.reason else "",
            _words(u.purpose),
            _short(u.upload_id),
        )
        for u in uploads
    )
    return table(("Sent", "What became of it", "Reason", "Purpose", "Reference"), rows)


def _consent(consent: Consent, export: SubjectExport) -> Markup:
    valid = consent.state.stands and export.made_at < consent.valid_until
    badge = tag("span", "Stands" if valid else "Does not stand", class_="badge " + ("found" if valid else "absent"))
    text = export.notices.get(consent.notice_hash)
    events = (
        (_moment(e.at), STATE_WORDS[e.state], f"until {_day(e.valid_until)}" if e.state.stands else "")
        for e in consent.events
    )
    capacity = CAPACITY_WORDS[consent.capacity.value]
    return tag(
        "section",
        tag("header", tag("h3", _words(consent.purpose)), badge),
        tag("p", f"Given {capacity}. Photos are kept for {_days(consent.retention_days)}."),
        tag("blockquote", text) if text is not None else tag("p", "The notice's text is no longer here."),
        table(("When", "What", ""), events),
        tag("p", "Record ", tag("code", consent.consent_id), class_="detail"),
        class_="control" + ("" if valid else " absent"),
    )


def _disclosures(export: SubjectExport) -> Markup:
    rows = [
        (
            _text_moment(d.time),
            "You" if d.who == export.subject else join(("Staff ", tag("code", d.who))),
            d.what,
            _short(d.upload_id),
        )
        for d in export.disclosures
    ]
    if not rows:
        return tag("p", "Nobody has looked at anything of yours.")
    return table(("When", "Who", "Saw", "Photo"), rows)


def _events(export: SubjectExport, receipts: Mapping[tuple[str, int], str]) -> Markup:
    rows = (
        (
            _text_moment(row.fields["time"]),
            _words(row.fields["name"].replace(".", " ")),
            _short(row.fields["upload_id"]),
            row.fields["outcome"] + (f" ({row.fields['reason'].replace('_', ' ')})" if row.fields["reason"] else ""),
            _receipt(receipts.get((row.chain, row.seq))),
        )
        for row in export.rows
    )
    return table(("When", "What", "Photo", "Outcome", "Proof"), rows)


def _receipt(file: str | None) -> str:
    return tag("a", "Receipt", href=file) if file else "not sealed yet"


def _short(upload_id: str | None) -> Markup:
    """Give as much of an id as tells photos of one person apart."""
    return tag("code", (upload_id or "")[:8])


def _checking() -> tuple[Markup, ...]:
    return (
        tag("p", CHECKING),
        tag("p", tag("code", "photogate audit check receipts/FILE --vkey log.vkey")),
        tag(
            "p",
            "The same as data: ",
            join((tag("code", name) for name in ("subject.json", "consents.json", "events.jsonl")), ", "),
            ". The lines of the last are the events exactly as they stand in the log.",
        ),
    )


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{days} days"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _moment(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def _text_moment(text: str) -> str:
    return _moment(datetime.fromisoformat(text))
