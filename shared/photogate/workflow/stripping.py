"""StripMetadata and ConvertPhoto: the file without what it says, and something that the detectors can open."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from photogate.audit.event import DetailKey, EventName, Outcome
from photogate.audit.trail import Trail
from photogate.errors import ImageRefused, IntegrityError, OriginalGone, PolicyRefused
from photogate.findings import Keep, Removed
from photogate.formats import strip
from photogate.subjects import SubjectStore, require_open
from photogate.tenants import PolicyStore
from photogate.workflow.ports import Objects
from photogate.workflow.state import Convert, PhotoState, Strip

__all__ = ["RENDITION_FORMATS", "ConvertPhoto", "StripMetadata", "read_checked"]

# Formats that the detectors' decoder does not open.
RENDITION_FORMATS = frozenset({"heic", "avif"})


def read_checked(bucket: Objects, key: str, sha256: str | None, version_id: str | None = None) -> bytes:
    """Read an object, and go on only with the bytes that an earlier step saw.

    Raises
    ------
    OriginalGone
        If they are others.
    """
    data = bucket.get(key, version_id)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise OriginalGone("Expected the bytes that an earlier step wrote; found others")
    return data


@dataclass(frozen=True, slots=True)
class StripMetadata:
    """Takes out everything that rendering does not need."""

    incoming: Objects
    work: Objects
    policies: PolicyStore
    subjects: SubjectStore
    trail: Trail

    def run(self, state: PhotoState) -> Strip:
        """Answer with what was stripped, or that the file is refused."""
        place = state.place
        require_open(self.subjects, place.tenant, place.subject)
        policy = self.policies.get(place.tenant, state.policy_hash or "")
        if policy is None:
            raise PolicyRefused("Expected the policy that admission pinned; found none")
        data = read_checked(self.incoming, state.key, state.sha256, state.version_id)
        try:
            stripped = strip(data, keep=policy.keep)
        except ImageRefused as error:
            self._record(state, Outcome.REFUSED, Strip(status="refused", reason=error.refusal))
            return Strip(status="refused", reason=error.refusal)
        self.work.put(place.part("stripped"), stripped.data, "application/octet-stream")
        answer = Strip(
            status="stripped",
            sha256=hashlib.sha256(stripped.data).hexdigest(),
            format=str(stripped.format),
            orientation=stripped.orientation,
            synthetic=stripped.provenance.synthetic.value,
            c2pa=stripped.provenance.c2pa,
            rendition_needed=str(stripped.format) in RENDITION_FORMATS,
        )
        self._record(state, Outcome.SUCCEEDED, answer, stripped.removed, stripped.kept)
        return answer

    def _record(
        self,
        state: PhotoState,
        outcome: Outcome,
        answer: Strip,
        removed: tuple[Removed, ...] = (),
        kept: frozenset[Keep] = frozenset(),
    ) -> None:
        details: dict[DetailKey, int | str] = {DetailKey.SYNTHETIC: answer.synthetic, DetailKey.C2PA: int(answer.c2pa)}
        if answer.sha256 and answer.format:
            details |= {
                DetailKey.SHA256_OUT: answer.sha256,
                DetailKey.FORMAT: answer.format,
                DetailKey.ORIENTATION: answer.orientation,
            }
        counts: Counter[DetailKey] = Counter()
        for part in removed:
            counts[DetailKey(f"removed_{part.category.value}")] += part.count
        for field in kept:
            counts[DetailKey(f"kept_{field.value}")] = 1
        self.trail.record(
            EventName.METADATA_STRIPPED,
            step="stripped",
            tenant=state.place.tenant,
            subject=state.subject,
            upload_id=state.upload_id,
            purpose=state.purpose,
            policy_hash=state.policy_hash,
            outcome=outcome,
            reason=answer.reason,
            details={**details, **counts},
        )


@dataclass(frozen=True, slots=True)
class ConvertPhoto:
    """Makes an upright rendition of what the detectors cannot open.

    Attributes
    ----------
    render
        `photogate.conversion.render`: stripped file to PNG.
    """

    work: Objects
    subjects: SubjectStore
    render: Callable[[bytes], bytes]

    def run(self, state: PhotoState) -> Convert:
        """Answer with the rendition's hash."""
        place = state.place
        require_open(self.subjects, place.tenant, place.subject)
        if state.strip is None:
            raise IntegrityError("Expected a stripped photo; found none")
        data = read_checked(self.work, place.part("stripped"), state.strip.sha256)
        rendition = self.render(data)
        self.work.put(place.part("rendition"), rendition, "image/png")
        return Convert(sha256=hashlib.sha256(rendition).hexdigest())
