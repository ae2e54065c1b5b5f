"""Retention: a photo is kept as long as its purpose says, and then deleted; so is the row that speaks of it.

How long is settled when the upload is requested, by the policy in force then: the subject was promised that much with
the notice. A later policy holds for later uploads; it neither prolongs nor shortens what was promised before.

Lifecycles and TTL do what they can by themselves. They know neither purposes nor legal holds, so what is kept for a
purpose is swept: found by the sparse index of what is due, one by one, each as if it were the only one. A sweep that
breaks off is the same as the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from photogate.audit.event import DetailKey, EventName
from photogate.audit.trail import Trail
from photogate.clock import Clock
from photogate.consent import ConsentStore, DueConsent, expire, settle
from photogate.errors import Conflict, Duplicate, PolicyRefused, Transient
from photogate.policy import Policy
from photogate.uploads import Status, Upload, UploadStore
from photogate.workflow.ports import Objects

__all__ = ["FAILED", "HELD_FOR", "MOST", "DuePhoto", "Holds", "RetentionStore", "SweepRetention", "require_outlived"]

T = TypeVar("T")

FAILED = "failed_"
# Of one run; what is left is for the next.
MOST = 2000
# When a photo under a hold, or in an appeal's review, is looked at again; and one that could not be deleted.
HELD_FOR = timedelta(days=1)
FAILED_FOR = timedelta(hours=1)


class DuePhoto(NamedTuple):
    """A kept photo and until when it is kept."""

    tenant: str
    subject: str
    upload_id: str
    purpose: str
    retain_until: datetime


class RetentionStore(Protocol):
    """What the domain needs of the index of what is due."""

    def due(self, by: datetime) -> Iterator[DuePhoto]:
        """Give what is to be looked at by then."""

    def look_again(self, photo: DuePhoto, at: datetime) -> None:
        """Look at it again at that time; raise `Duplicate` where it is not due as it was any more."""

    def leave(self, photo: DuePhoto, row_until: datetime) -> None:
        """Nothing of it is kept any more: let the row go at that time."""

    def forget(self, photo: DuePhoto) -> None:
        """Delete the row; deleting what is gone is no error."""


class Holds(Protocol):
    """Which subjects are under a legal hold."""

    def is_held(self, tenant: str, pseudonym: str) -> bool:
        """Tell whether nothing of this subject may be deleted; a consistent read."""


class DueConsents(ConsentStore, Protocol):
    """Consents, and those of them whose time is over."""

    def due(self, by: datetime) -> list[DueConsent]:
        """Give the consents that the sweep must look at by then."""


def require_outlived(policy: Policy, audit_retention_days: int) -> Policy:
    """Go on only with a policy that keeps no photo longer than the log keeps the photo's events.

    Raises
    ------
    PolicyRefused
        Otherwise: a photo's expiry would begin its chain anew, which the sealer takes for tampering.
    """
    if any(rule.retention_days >= audit_retention_days for rule in policy.purposes.values()):
        raise PolicyRefused(
            f"Expected purposes.retention_days below {audit_retention_days}, as the log keeps events; found more"
        )
    return policy


@dataclass(frozen=True, slots=True)
class SweepRetention:
    """Deletes what is due, and ends consents whose time is over.

    Attributes
    ----------
    buckets
        Where something of a photo can be: the vault, and quarantine for a sealed original.
    time_left
        Tells whether there is time for one more.
    not_done
        Called with tenant, id and error for each that could not be done.
    most
        How many photos, and how many consents, one run looks at.
    """

    photos: RetentionStore
    uploads: UploadStore
    consents: DueConsents
    holds: Holds
    buckets: tuple[Objects, ...]
    trail: Trail
    clock: Clock
    time_left: Callable[[], bool]
    not_done: Callable[[str, str, Exception], None]
    most: int = MOST

    def run(self) -> dict[str, int]:
        """Answer with how many ended in which way; one that fails does not keep the others waiting."""
        now = self.clock()
        ends: Counter[str] = Counter()
        for consent in self._some(self.consents.due(now), ends):
            self._count(ends, consent.tenant, consent.consent_id, partial(self._end, consent, now))
        for photo in self._some(self.photos.due(now), ends):
            failed = self._count(ends, photo.tenant, photo.upload_id, partial(self._delete, photo, now))
            if failed:
                # Out of the way of the others, so that a thousand that fail do not stop those behind them.
                self._count(ends, photo.tenant, photo.upload_id, partial(self._later, photo, now))
        return dict(ends)

    def _some(self, due: Iterable[T], ends: Counter[str]) -> Iterator[T]:
        for place, item in enumerate(due):
            if place == self.most or not self.time_left():
                ends["left_for_the_next_run"] += 1
                return
            yield item

    def _count(self, ends: Counter[str], tenant: str, what: str, act: Callable[[], str | None]) -> bool:
        try:
            end = act()
            if end is not None:
                ends[end] += 1
        except (Duplicate, Conflict):
            ends["moved_on"] += 1
        except Exception as error:
            ends[f"{FAILED}{type(error).__name__}"] += 1
            self.not_done(tenant, what, error)
            return True
        return False

    def _end(self, due: DueConsent, now: datetime) -> str:
        consent = self.consents.get(*due)
        if consent is None:
            return "moved_on"
        ended = expire(self.consents, consent, now)
        settle(self.consents, ended, self.trail)
        return "consent_settled" if ended is consent else "consent_expired"

    def _delete(self, photo: DuePhoto, now: datetime) -> str:
        upload = self.uploads.get(photo.tenant, photo.upload_id)
        if upload is None or upload.retain_until != photo.retain_until:
            return "moved_on"
        if upload.status is Status.ERASED:
            self.photos.leave(photo, now + timedelta(days=upload.retention_days))
            return "erased"
        if upload.status is Status.IN_REVIEW or self.holds.is_held(photo.tenant, photo.subject):
            self.photos.look_again(photo, now + HELD_FOR)
            return "in_review" if upload.status is Status.IN_REVIEW else "held"
        for bucket in self.buckets:
            self._empty(bucket, str(upload.key))
        self._record(upload)
        self.photos.forget(photo)
        return "photo_expired"

    def _later(self, photo: DuePhoto, now: datetime) -> None:
        self.photos.look_again(photo, now + FAILED_FOR)

    def _empty(self, bucket: Objects, prefix: str) -> None:
        """Delete every version and delete marker, and look that none is left."""
        for version in list(bucket.versions(prefix)):
            bucket.delete(version.key, version.version_id)
        if next(iter(bucket.versions(prefix)), None) is not None:
            raise Transient("Expected no version of an expired photo; found one that was written meanwhile")

    def _record(self, upload: Upload) -> None:
        # Nothing in it that a second attempt would say otherwise: how many versions there were is not for this event.
        self.trail.within(f"retention:{upload.upload_id}").record(
            EventName.PHOTO_EXPIRED,
            step="expired",
            tenant=upload.tenant,
            subject=upload.subject,
            upload_id=upload.upload_id,
            purpose=upload.purpose,
            policy_hash=upload.policy_hash,
            details={
                DetailKey.RETENTION_DAYS: upload.retention_days,
                DetailKey.STATUS_BEFORE: upload.status.value,
                **({DetailKey.SHA256_OUT: upload.photo_sha256} if upload.photo_sha256 else {}),
            },
        )
