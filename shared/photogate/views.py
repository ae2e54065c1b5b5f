"""What the API says of an upload, in the uploader's language."""

from __future__ import annotations

from typing import Any

from photogate.clock import stamp
from photogate.guidance import Scene, message, negotiate
from photogate.uploads import Status, Upload

__all__ = ["upload_view"]

# When it is worth asking again.
RETRY_AFTER_MS = {Status.AWAITING_UPLOAD: 1000, Status.PROCESSING: 500}


def upload_view(upload: Upload, accept_language: str | None) -> dict[str, Any]:
    """Give an upload's status, why, and what the uploader should do."""
    language = negotiate(accept_language)
    view: dict[str, Any] = {
        "id": upload.upload_id,
        "status": upload.status.value,
        "created_at": stamp(upload.created_at),
        "message": message(upload.status, upload.reason, Scene.from_dict(upload.scene), language),
        "language": language,
    }
    if upload.status.terminal:
        view["reason"] = upload.reason.value if upload.reason else None
        view["photo"] = f"/photos/{upload.upload_id}" if upload.readable else None
        view["appealable"] = upload.appealable and upload.cleaned
    else:
        view["retry_after_ms"] = RETRY_AFTER_MS[upload.status]
    return view
