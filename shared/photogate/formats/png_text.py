"""PNG's text chunks (11.3.3) and other carriers: read for categories, orientation and origin; then they go."""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.findings import MetadataCategory
from photogate.formats import c2pa, deflate, exif, iptc, limits, xmp
from photogate.formats.container import Context
from photogate.formats.rights import Rights, decoded

__all__ = ["Texts", "category_of", "read_text"]

_C = MetadataCategory
_KEYWORDS = {
    b"author": _C.IDENTITY,
    b"artist": _C.IDENTITY,
    b"copyright": _C.IDENTITY,
    b"creation time": _C.TIME,
    b"date:create": _C.TIME,
    b"date:modify": _C.TIME,
    b"date:timestamp": _C.TIME,
    b"software": _C.DEVICE,
    b"source": _C.DEVICE,
    b"title": _C.COMMENT,
    b"description": _C.COMMENT,
    b"comment": _C.COMMENT,
    b"disclaimer": _C.COMMENT,
    b"warning": _C.COMMENT,
}
_XMP = b"XML:com.adobe.xmp"
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_RAW_IPTC = (b"Raw profile type iptc", b"Raw profile type 8bim")
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))


@dataclass(slots=True)
class Texts:
    """What the carriers said that is used: orientations in the order in which decoders believe them, and rights."""

    context: Context = field(default_factory=Context)
    exif: int | None = None
    raw: int | None = None
    xmp: int | None = None
    has_exif: bool = False
    left: int = limits.MAX_INFLATED_TEXT

    def inflate(self, packed: bytes) -> bytes:
        """Inflate a text; all texts of a file together stay within the limit, what is beyond it is not looked at."""
        try:
            text = deflate.decompressobj().decompress(packed, self.left) if self.left else b""
        except deflate.DeflateError:
            return b""
        self.left -= len(text)
        return text

    def settle(self) -> int:
        """Give the orientation that decoders honour: eXIf's, else that of ImageMagick's raw profile; then XMP's."""
        first = self.exif if self.has_exif else self.raw
        return first or self.xmp or 1


def read_text(kind: bytes, body: bytes, texts: Texts) -> None:
    """Read one chunk that goes."""
    context = texts.context
    name = kind.decode("ascii")
    if kind in (b"tEXt", b"zTXt", b"iTXt"):
        keyword, text = _text(kind, body, texts)
        _keyword(f"{name} chunk", keyword, text, texts)
    elif kind == b"eXIf":
        found = exif.read(body, context, "eXIf chunk")
        texts.exif, texts.has_exif = found.orientation, True
    elif kind == b"caBX":
        c2pa.read(body, context, "caBX chunk")
    elif kind == b"tIME":
        context.drop(_C.TIME, "tIME chunk")
    else:
        context.drop(_C.OTHER, f"{name} chunk")


def _text(kind: bytes, body: bytes, texts: Texts) -> tuple[bytes, bytes]:
    keyword, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        return keyword, texts.inflate(rest[1:])
    if kind == b"iTXt":
        packed = rest[:1] == b"\1"
        text = rest[2:].split(b"\0", 2)[-1]
        return keyword, texts.inflate(text) if packed else text
    return keyword, rest


def _keyword(where: str, keyword: bytes, text: bytes, texts: Texts) -> None:
    context = texts.context
    if keyword == _XMP:
        xmp.read(text, context, f"{where} XMP")
        texts.xmp = xmp.orientation_of(text)
        return
    if keyword in _RAW_EXIF:
        found = exif.read(_raw_profile(text), context, f"{where} raw profile")
        if keyword == _RAW_EXIF[0]:
            texts.raw = found.orientation
        return
    if keyword == b"Raw profile type xmp":
        xmp.read(_raw_profile(text), context, f"{where} raw profile")
        return
    if keyword in _RAW_IPTC:
        iptc.read(_raw_profile(text), context, f"{where} raw profile")
        return
    if keyword.startswith(b"Raw profile type"):
        context.drop(_C.IDENTITY, f"{where} raw profile")
        return
    context.text(text, keyword)
    lower = keyword.lower()
    if lower == b"copyright":
        context.claims.text = context.claims.text.otherwise(Rights(copyright=decoded(text[: limits.MAX_RIGHTS_BYTES])))
    elif lower in (b"author", b"artist"):
        context.claims.text = context.claims.text.otherwise(Rights(creator=decoded(text[: limits.MAX_RIGHTS_BYTES])))
    context.drop(category_of(keyword), where)


def category_of(keyword: bytes) -> MetadataCategory:
    """Say what kind of information a text holds, by its keyword."""
    lower = keyword.lower()
    if b"gps" in lower:
        return _C.LOCATION
    # ImageMagick writes Exif tags and XMP properties as texts by their prefixed names
    prefixed = b":" in keyword and lower not in _KEYWORDS
    return xmp.category_of(keyword) if prefixed else _KEYWORDS.get(lower, _C.OTHER)


def _raw_profile(text: bytes) -> bytes:
    """ImageMagick's hexadecimal: an empty line, the profile's name, its length, then the digits."""
    lines = text[: limits.MAX_RAW_PROFILE].split(b"\n", 3)
    digits = lines[3].translate(None, _NO_DIGITS) if len(lines) > 3 else b""
    return bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
