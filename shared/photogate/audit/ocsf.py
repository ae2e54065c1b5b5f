"""Events as OCSF 1.8 classes, for a SIEM or a security lake.

Activity numbers are those of each class in the schema; what no class has an activity for is 99, with our own name. Our
own name of every event is in `metadata.event_code`, the photo's id in `metadata.correlation_uid`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from photogate import __version__
from photogate.audit.event import EventName
from photogate.audit.row import Row, exception_kind

__all__ = ["ACTIVITIES", "CLASSES", "ocsf_event"]

VERSION = "1.8.0"


class OcsfClass(NamedTuple):
    """A class and one of its activities."""

    uid: int
    activity: int


_API, _DATASTORE, _HOSTING, _FINDING, _REMEDIATION, _LOG = 6003, 6005, 6006, 2006, 7002, 1008
_OTHER = 99

# The captions of the activities that are used, as in the schema's `activity_id` of each class.
ACTIVITIES: dict[int, dict[int, str]] = {
    _API: {1: "Create", 3: "Update", 4: "Delete"},
    _DATASTORE: {2: "Update", 4: "Query", 5: "Write", 6: "Create", 7: "Delete"},
    _HOSTING: {1: "Upload", 2: "Download", 4: "Delete", 7: "Move", 14: "Open"},
    _FINDING: {1: "Create", 2: "Update", 3: "Close"},
    _REMEDIATION: {1: "Isolate", 2: "Evict", 4: "Harden"},
    _LOG: {5: "Archive", 7: "Export"},
}

CLASSES: dict[EventName, OcsfClass] = {
    EventName.UPLOAD_REQUESTED: OcsfClass(_API, 1),
    EventName.UPLOAD_RECEIVED: OcsfClass(_HOSTING, 1),
    EventName.UPLOAD_EXPIRED: OcsfClass(_API, 4),
    EventName.UPLOAD_COMPLETED: OcsfClass(_API, 3),
    EventName.PHOTO_ADMITTED: OcsfClass(_HOSTING, 14),
    EventName.PHOTO_REDACTED: OcsfClass(_REMEDIATION, 4),
    EventName.PHOTO_STORED: OcsfClass(_HOSTING, 7),
    EventName.PHOTO_READ: OcsfClass(_HOSTING, 2),
    EventName.PHOTO_EXPIRED: OcsfClass(_HOSTING, 4),
    EventName.METADATA_STRIPPED: OcsfClass(_REMEDIATION, 4),
    EventName.FACES_DETECTED: OcsfClass(_FINDING, 1),
    EventName.DECISION_MADE: OcsfClass(_FINDING, 2),
    EventName.ORIGINAL_DELETED: OcsfClass(_REMEDIATION, 2),
    EventName.CONSENT_GIVEN: OcsfClass(_DATASTORE, 6),
    EventName.CONSENT_REFUSED: OcsfClass(_DATASTORE, 5),
    EventName.CONSENT_WITHDRAWN: OcsfClass(_DATASTORE, 2),
    EventName.CONSENT_EXPIRED: OcsfClass(_DATASTORE, 2),
    EventName.CONSENT_RECONFIRMED: OcsfClass(_DATASTORE, 2),
    EventName.CONSENT_READ: OcsfClass(_DATASTORE, 4),
    EventName.SUBJECT_FOUND: OcsfClass(_DATASTORE, 4),
    EventName.SUBJECT_EXPORTED: OcsfClass(_DATASTORE, 4),
    EventName.SUBJECT_FENCED: OcsfClass(_DATASTORE, 2),
    EventName.SUBJECT_ERASED: OcsfClass(_DATASTORE, 7),
    EventName.HOLD_PLACED: OcsfClass(_DATASTORE, 2),
    EventName.HOLD_REFUSED: OcsfClass(_API, _OTHER),
    EventName.HOLD_LIFTED: OcsfClass(_API, _OTHER),
    EventName.REVIEW_OPENED: OcsfClass(_REMEDIATION, 1),
    EventName.REVIEW_DECIDED: OcsfClass(_FINDING, 3),
    EventName.POLICY_CHANGED: OcsfClass(_DATASTORE, 2),
    EventName.ACCESS_DENIED: OcsfClass(_API, _OTHER),
    EventName.AUDIT_QUERIED: OcsfClass(_DATASTORE, 4),
    EventName.AUDIT_EXPORTED: OcsfClass(_LOG, 7),
    EventName.AUDIT_VERIFIED: OcsfClass(_LOG, _OTHER),
    EventName.INTEGRITY_ALERTED: OcsfClass(_LOG, _OTHER),
    EventName.LOG_SEALED: OcsfClass(_LOG, 5),
}

_STATUS = {"succeeded": 1, "refused": 2, "denied": 2, "failed": 2}
# Of a finding `status_id` is not success or failure but where its triage stands: new, in progress, resolved.
_TRIAGE = {1: 1, 2: 2, 3: 4}
_USER_TYPE = {"service": (3, "System"), "subject": (1, "User"), "staff": (1, "User")}
_SEVERITY = {"tamper": 5, "deny": 3, "review": 2, "reject": 2, "retake": 2, "erase": 2, "export": 2}


def ocsf_event(row: Row, index: int) -> dict[str, Any]:
    """Give a row as an OCSF event.

    Parameters
    ----------
    row
        The row.
    index
        Its place in the tree, so that the event can be found again and proved.
    """
    fields = row.fields
    uid, activity = CLASSES[EventName(fields["name"])]
    user_type = _USER_TYPE[fields["actor"]["kind"]]
    event: dict[str, Any] = {
        "class_uid": uid,
        "category_uid": uid // 1000,
        "activity_id": activity,
        "activity_name": ACTIVITIES[uid].get(activity, fields["name"]),
        "type_uid": uid * 100 + activity,
        "time": int(datetime.fromisoformat(fields["time"]).timestamp() * 1000),
        "duration": fields["duration_ms"],
        "severity_id": _SEVERITY.get(exception_kind(fields) or "", 1),
        "status_id": _TRIAGE[activity] if uid == _FINDING else _STATUS[fields["outcome"]],
        "metadata": {
            "version": VERSION,
            "uid": fields["id"],
            "event_code": fields["name"],
            "tenant_uid": fields["tenant"],
            "product": {"name": "Photogate", "vendor_name": "Photogate", "version": __version__},
            "log_name": row.chain,
            "sequence": row.seq,
        },
        "actor": {"user": {"uid": fields["actor"]["id"], "type_id": user_type[0], "type": user_type[1]}},
        "unmapped": fields["details"]
        | {
            "index": index,
            "leaf": row.leaf.hex(),
            "function": fields["function"],
            "actor_kind": fields["actor"]["kind"],
            "outcome": fields["outcome"],
        },
    }
    if fields["upload_id"]:
        event["metadata"]["correlation_uid"] = fields["upload_id"]
    if fields["reason"]:
        event["status_detail"] = fields["reason"]
    if fields["subject"]:
        event["unmapped"]["subject"] = fields["subject"]
    return event | _object_of(uid, fields, event["time"])


def _object_of(uid: int, fields: dict[str, Any], time: int) -> dict[str, Any]:
    """Give the objects that a class requires."""
    photo = {"name": fields["upload_id"] or "none", "type_id": 1, "uid": fields["upload_id"] or "none"}
    if uid == _API:
        service = {"name": "photogate"}
        return {"api": {"operation": fields["name"], "service": service}, "src_endpoint": {"svc_name": "photogate"}}
    if uid == _DATASTORE:
        table = {"name": fields["name"].split(".")[0]}
        return {"table": table, "type_id": 3, "type": "Table", "src_endpoint": {"svc_name": "photogate"}}
    if uid == _HOSTING:
        return {"file": photo, "src_endpoint": {"svc_name": "photogate"}}
    if uid == _FINDING:
        return {"finding_info": {"uid": fields["id"], "title": fields["name"], "created_time": time}, "file": photo}
    if uid == _REMEDIATION:
        return {"command_uid": fields["id"], "file": photo}
    return {"log_name": "photogate audit", "log_provider": "photogate"}
