"""What a file says about its own origin: read before stripping, never verified, never kept.

Sources: C2PA 2.1 (actions carry a `digitalSourceType`); the IPTC NewsCodes vocabulary
`http://cv.iptc.org/newscodes/digitalsourcetype/`, and the IPTC Photo Metadata Standard 2025.1 (the AI system used, its
prompt); China's GB 45438-2025 (implicit labels, annex E) with TC260-PG-20258A (its place in XMP, under
`http://www.tc260.org.cn/ns/AIGC/1.0/`, in PNG's text and in Exif); and the marks that image generators leave.
"""

from __future__ import annotations

import re

from photogate.findings import Evidence, Provenance, Synthetic
from photogate.formats import limits

__all__ = ["Marks"]

# IPTC NewsCodes, digitalsourcetype: whole or partly made by a model or an algorithm.
_MADE = frozenset(
    {
        b"trainedalgorithmicmedia",
        b"compositewithtrainedalgorithmicmedia",
        b"compositesynthetic",
        b"algorithmicmedia",
        b"datadrivenmedia",
    }
)
# ... captured from the real world, edited by people at most. The others (digitalCreation, ...) say neither.
_CAPTURED = frozenset(
    {
        b"digitalcapture",
        b"computationalcapture",
        b"negativefilm",
        b"positivefilm",
        b"print",
        b"minorhumanedits",
        b"humanedits",
        b"compositecapture",
        b"multiframecomputationalcapture",
    }
)

# In CBOR (C2PA) nothing ends a name: a letter may be the header of the text that follows. In this order a name stands
# before those that it begins with.
_SOURCE_TYPE = re.compile(
    rb"digitalsourcetype/(" + b"|".join(sorted(_MADE | _CAPTURED, reverse=True)) + rb")", re.IGNORECASE
)
_BARE_TYPE = re.compile(
    rb"DigitalSourceType(?:[^A-Za-z]{1,8}rdf:(?:resource|value))?[^A-Za-z]{1,8}(?:http[^\"'<]{0,80}/)?([A-Za-z]{3,48})"
)
# IPTC 2025.1: filled only where a model made the picture, or a part of it.
_SYSTEM = re.compile(rb"Iptc4xmpExt:AI(?:SystemUsed|PromptInformation)(?=[\s=>])")
# GB 45438-2025, annex E: 1 is made by a machine, 2 may be, 3 is suspected to be by who passed it on.
_LABEL = re.compile(rb"Label[^0-9A-Za-z]{1,16}([123])")
_LABEL_WITHIN = 512

# Names under which generators sign, in lower case: software fields, PNG keywords, parameter texts.
_GENERATORS = (
    b"stable diffusion",
    b"stable-diffusion",
    b"stablediffusion",
    b"midjourney",
    b"dall-e",
    b"dall\xc2\xb7e",
    b"dalle2",
    b"dalle3",
    b"dalle-2",
    b"dalle-3",
    b"dalle 2",
    b"dalle 3",
    b"comfyui",
    b"invokeai",
    b"automatic1111",
    b"novelai",
    b"adobe firefly",
    b"made with google ai",
    b"gpt-4o",
    b"leonardo.ai",
    b"ideogram ai",
    b"ideogram.ai",
    b"flux.1",
    b"sd-metadata",
    b"negative prompt:",
    b"cfg scale:",
    b"bing image creator",
    b"edited with google ai",
    b"fooocus",
    b"dreamstudio",
    b"gpt-image",
    b"swarmui",
)
_GENERATOR_KEYWORDS = frozenset(
    {b"parameters", b"prompt", b"dream", b"sd-metadata", b"invokeai_metadata", b"invokeai_graph"}
    | {b"fooocus_scheme", b"sui_image_params"}
)
_SIGNED = re.compile(
    rb"(?:CreatorTool|softwareAgent|Credit|Software|UserComment|parameters)(?:=[\"']|>)([^<\"']{1,512})"
)

# ComfyUI writes its graph to Exif's Make and Model where a format has no text of its own.
_GRAPHS = (b"prompt:{", b"prompt: {", b"workflow:{", b"workflow: {")

# How much of a packet is searched: generators sign early, and a 16 MB packet must not cost a second.
_LOOK_XMP = 262_144


class Marks:
    """Collects marks of origin while a file is read."""

    def __init__(self) -> None:
        self._c2pa = False
        self._evidence: dict[Evidence, None] = {}
        self._answers: set[Synthetic] = set()

    def c2pa(self, manifest: bytes) -> None:
        """Read a C2PA manifest store (JUMBF, ISO/IEC 19566-5): that it is there, and its source types."""
        self._c2pa = True
        self._types(_SOURCE_TYPE.findall(manifest), Evidence.C2PA)

    def xmp(self, packet: bytes) -> None:
        """Read `Iptc4xmpExt:DigitalSourceType` and the creating software from an XMP packet."""
        packet = packet[:_LOOK_XMP]
        self._types(_SOURCE_TYPE.findall(packet) or _BARE_TYPE.findall(packet), Evidence.IPTC)
        if b"c2pa" in packet or b"dcterms:provenance" in packet:
            self._c2pa = True
        if _SYSTEM.search(packet):
            self._mark(Evidence.IPTC, Synthetic.YES)
        self._label(packet)
        for name in _SIGNED.findall(packet):
            self.text(b"", name)

    def text(self, keyword: bytes, text: bytes) -> None:
        """Look for a generator's name in a text field; `keyword` is the field's name, where it has one."""
        keyword = keyword.strip(b"\0 ").lower()
        head = text[: limits.MAX_MARK_BYTES].replace(b"\0", b"")  # UTF-16 of what is ASCII
        lower = head.lower()
        graph = keyword == b"workflow" and lower.lstrip().startswith(b"{")  # photo editors have workflows too
        signed = graph or keyword in _GENERATOR_KEYWORDS or lower.startswith(_GRAPHS)
        if signed or any(name in lower for name in _GENERATORS):
            self._mark(Evidence.GENERATOR, Synthetic.YES)
        if keyword == b"aigc" or b"AIGC" in head:
            self._label(b"AIGC" + head)

    def _mark(self, evidence: Evidence, answer: Synthetic) -> None:
        self._evidence[evidence] = None
        self._answers.add(answer)

    def _label(self, text: bytes) -> None:
        """Read the label of GB 45438-2025. What may be made by a machine is not said to be."""
        if b"AIGC" not in text:
            return
        text = text.replace(b"&quot;", b'"').replace(b"&#34;", b'"')
        for match in _LABEL.finditer(text):
            if text.rfind(b"AIGC", max(match.start() - _LABEL_WITHIN, 0), match.start()) >= 0:
                self._mark(Evidence.AIGC, Synthetic.YES if match[1] == b"1" else Synthetic.UNKNOWN)

    def _types(self, found: list[bytes], evidence: Evidence) -> None:
        for name in {kind.lower() for kind in found}:
            if name in _MADE:
                self._mark(evidence, Synthetic.YES)
            elif name in _CAPTURED:
                self._mark(evidence, Synthetic.NO)

    def provenance(self) -> Provenance:
        """Sum up: one mark of a machine outweighs every claim of a camera."""
        answer = next((a for a in (Synthetic.YES, Synthetic.NO) if a in self._answers), Synthetic.UNKNOWN)
        return Provenance(answer, tuple(sorted(self._evidence)), self._c2pa)
