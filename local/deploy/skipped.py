"""Resource types that MiniStack has no call for: nothing is created, and docs/local.md says so with the same words."""

from __future__ import annotations

from local.deploy.base import Context, Created, Handler, Properties

__all__ = ["HANDLERS", "SKIPPED"]

SKIPPED = {
    "AWS::Logs::QueryDefinition": "MiniStack has no PutQueryDefinition, and nothing else depends on a saved query",
}
PROPERTIES = {"AWS::Logs::QueryDefinition": ("Name", "LogGroupNames", "QueryString", "QueryLanguage")}


def _skip(kind: str) -> Handler:
    def skip(context: Context, properties: Properties) -> Created:
        """Take the properties that the type has: one that it has not still stops the deployment."""
        properties.take_all(*PROPERTIES[kind])
        return Created(context.name(properties.logical_id))

    return skip


HANDLERS: dict[str, Handler] = {kind: _skip(kind) for kind in SKIPPED}
