"""XMP packets (ISO 16684-1): what is read of them before they go.

Names of properties are found by pattern, not by an XML parser: nothing is expanded, nothing is followed, and a packet
that is no XML at all still tells what it holds. Only kept rights are parsed as XML, with document types refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from photogate.findings import MetadataCategory
from photogate.formats import limits
from photogate.formats.container import Context
from photogate.formats.rights import Rights

__all__ = ["category_of", "orientation_of", "properties", "read"]

_C = MetadataCategory
# What decoders that honour an orientation in XMP look for (Pillow's `Image.getexif`): the first of these, as text.
_ORIENTATION = re.compile(rb'tiff:Orientation(="|>)([0-9])')
_PROPERTY = re.compile(rb"[<\s]([A-Za-z][\w.-]{0,31}):([A-Za-z][\w.-]{0,63})(?=\s*=\s*[\"']|[\s>/])")
_STRUCTURE = frozenset({b"rdf", b"x", b"xmlns", b"xml"})
_RULES: tuple[tuple[MetadataCategory, re.Pattern[bytes]], ...] = (
    (_C.PROVENANCE, re.compile(rb"DigitalSourceType|dcterms:provenance|c2pa", re.IGNORECASE)),
    (_C.THUMBNAIL, re.compile(rb"xmpGImg|Thumbnail|GDepth:Data|GImage:Data", re.IGNORECASE)),
    (
        _C.LOCATION,  # words of their own: neither Velocity nor WebStatement
        re.compile(
            rb"GPS|Gps|gps|(?:L|Subl|:l|:subl)ocations?(?![a-z])|(?:City|:city|Country|:country|State|:state)(?![a-z])"
        ),
    ),
    (_C.COMMENT, re.compile(rb":(?:UserComment|Instructions)$")),
    (_C.DEVICE, re.compile(rb"CreatorTool|softwareAgent|Software$")),
    (_C.TIME, re.compile(rb"Date|:date$|:when|Time")),
    (
        _C.IDENTITY,
        re.compile(
            rb"creator|rights|Author|Owner|Artist|Person|DocumentID|InstanceID|Credit|CaptionWriter|Nickname|"
            rb"Licensor|Copyright|^mwg-rs:Name$",  # whose face is in a region
            re.IGNORECASE,
        ),
    ),
    (_C.DEVICE, re.compile(rb"Make|Model|Lens|Serial|CreatorTool|softwareAgent|^aux:|^exif:|^exifEX:|^crs:|Firmware")),
    (_C.COMMENT, re.compile(rb"description|title|subject|Headline|Caption|Comment|Keywords|label", re.IGNORECASE)),
)


def orientation_of(packet: bytes) -> int | None:
    """Read ``tiff:Orientation`` as decoders do; None where there is none."""
    match = _ORIENTATION.search(packet)
    value = int(match[2]) if match else 0
    return value if 1 <= value <= 8 else None


def build(orientation: int) -> bytes:
    """Write the smallest packet that says how a picture is turned."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>'
        b"</rdf:RDF></x:xmpmeta>" % orientation
    )


@lru_cache(maxsize=1024)  # the same few hundred names come in file after file
def category_of(name: bytes) -> MetadataCategory:
    """Say what kind of information a property holds, by its prefixed name."""
    return next((c for c, rule in _RULES if rule.search(name)), _C.OTHER)


def properties(packet: bytes) -> Iterator[tuple[bytes, int]]:
    """Find the names of properties, each with the place where it stands."""
    for match in _PROPERTY.finditer(packet):
        if match[1] not in _STRUCTURE:
            yield match[1] + b":" + match[2], match.start(1)


def read(packet: bytes, context: Context, where: str = "XMP") -> None:
    """Note in `context` what a packet holds, by property names, and what it says about its origin and rights."""
    packet = bytes(packet)
    seen = packet[: context.look]
    context.look -= len(seen)
    context.marks.xmp(seen)
    counts: dict[MetadataCategory, int] = {}
    for (prefix, name), count in Counter(_PROPERTY.findall(seen)).items():
        if prefix not in _STRUCTURE:
            category = category_of(prefix + b":" + name)
            counts[category] = counts.get(category, 0) + count
    for category, count in (counts or {_C.OTHER: 1}).items():
        context.drop(category, where, count)
    if context.keep:
        context.claims.xmp = context.claims.xmp.otherwise(_rights(packet))


_DC = "http://purl.org/dc/elements/1.1/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# RDF"


class _DocumentType(Exception):
    """XMP has no use for a document type; entities are how XML bombs are built."""


def _rights(packet: bytes) -> Rights:
    """Read dc:rights and dc:creator (rdf:Alt and rdf:Seq of text)."""
    from xml.parsers import expat  # only a policy that keeps rights needs it

    found: dict[str, list[str]] = {"rights": [], "creator": []}
    path: list[str] = []
    language = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal language
        path.append(name)
        language = attributes.get("http://www.w3.org/XML/1998/namespace lang", "")
        for field, pieces in found.items():  # the short form, which some writers use for them
            value = attributes.get(f"{_DC} {field}", "").strip()
            if value and not pieces and path[-2:-1] == [_RDF]:
                pieces.append(value[: limits.MAX_RIGHTS_BYTES])
        if len(path) > limits.MAX_NESTING * 4:
            raise _DocumentType

    def end(_: str) -> None:
        path.pop()

    def text(piece: str) -> None:
        at = path.index(_RDF) if _RDF in path else len(path)
        for field, pieces in found.items():  # of the picture itself, not of what it was made from
            if path[at + 2 : at + 3] != [f"{_DC} {field}"] or not piece.strip():
                continue
            if sum(map(len, pieces)) < limits.MAX_RIGHTS_BYTES:
                pieces.insert(0 if language == "x-default" and field == "rights" else len(pieces), piece.strip())

    def doctype(*_: object) -> None:
        raise _DocumentType

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = doctype
    parser.buffer_text = True
    begin, close = packet.find(b"<x:xmpmeta"), packet.rfind(b"</x:xmpmeta>")
    if begin < 0 or close < 0:
        begin, close = packet.find(b"<rdf:RDF"), packet.rfind(b"</rdf:RDF>")
        stop = close + len(b"</rdf:RDF>")
    else:
        stop = close + len(b"</x:xmpmeta>")
    if not 0 <= begin < close:
        return Rights()
    try:
        parser.Parse(packet[begin:stop], True)
    except (expat.ExpatError, _DocumentType):
        return Rights()
    # dc:rights is one text in several languages, of which the default counts; creators are a list
    return Rights(next(iter(found["rights"]), ""), "; ".join(found["creator"]))
