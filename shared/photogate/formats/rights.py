"""Copyright and creator: where files say them, which of several is believed, and how they are written again.

A file may say them in Exif, in IPTC's records and in XMP, and seldom says the same in all. The order is that of the
Metadata Working Group's guidelines for handling image metadata (version 2.0): Exif first; then XMP; then IPTC, but
before XMP where a digest tells that IPTC was changed by a program that knew no XMP; and at last a format's own text
(PNG's ``Copyright`` and ``Author``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from photogate.findings import Keep
from photogate.formats import limits

__all__ = ["NO_RIGHTS", "Rights", "RightsClaims", "decoded"]


@dataclass(frozen=True, slots=True)
class Rights:
    """Rights information that a policy may keep."""

    copyright: str = ""
    creator: str = ""

    def only(self, keep: frozenset[Keep]) -> Rights:
        """Drop what is not to be kept."""
        return Rights(self.copyright if Keep.COPYRIGHT in keep else "", self.creator if Keep.CREATOR in keep else "")

    def said(self) -> frozenset[Keep]:
        """Name the fields that hold something."""
        texts = {Keep.COPYRIGHT: self.copyright, Keep.CREATOR: self.creator}
        return frozenset(field for field, text in texts.items() if text)

    def otherwise(self, other: Rights) -> Rights:
        """Fill what is empty here from `other`."""
        return Rights(self.copyright or other.copyright, self.creator or other.creator)

    def cleaned(self) -> Rights:
        """Write both as one line of printable text of bounded length; doing so twice changes nothing."""
        return Rights(_line(self.copyright), _line(self.creator))


NO_RIGHTS = Rights()


@dataclass(slots=True)
class RightsClaims:
    """What the carriers of one file say, each the first of its kind that says it."""

    exif: Rights = NO_RIGHTS
    iptc: Rights = NO_RIGHTS
    xmp: Rights = NO_RIGHTS
    text: Rights = NO_RIGHTS
    iptc_is_newer: bool = False

    def settled(self, keep: frozenset[Keep], own: Rights | None = None) -> Rights:
        """Choose between the carriers, and give what may be kept; `own` stands for Exif where a page has its own."""
        found = self.exif if own is None else own.otherwise(self.exif)
        order = (self.iptc, self.xmp) if self.iptc_is_newer else (self.xmp, self.iptc)
        for other in (*order, self.text):
            found = found.otherwise(other.cleaned())
        return replace(found.only(keep)).cleaned()


def decoded(raw: bytes) -> str:
    """Read text of no declared encoding: UTF-8 where it is such, else the Latin-1 that older writers use."""
    raw = raw.partition(b"\0\0")[0].rstrip(b"\0 ").replace(b"\0", b"; ")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(raw) and error.reason == "unexpected end of data":  # cut by our own limit
            return raw[: error.start].decode("utf-8")
        return raw.decode("latin-1")


def _line(text: str) -> str:
    if not text:
        return ""
    import unicodedata  # only a policy that keeps rights comes here with a text

    # Control and format characters (which turn the direction of text, or show nothing) are no part of a name.
    plain = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", text))
    cut = " ".join(plain.split()).encode("utf-8")[: limits.MAX_RIGHTS_BYTES - 1]
    return cut.decode("utf-8", "ignore").strip()
