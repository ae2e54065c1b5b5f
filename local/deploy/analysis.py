"""Glue and Athena: databases, tables, workgroups, saved queries."""

from __future__ import annotations

from local.deploy.base import Context, Created, Handler, Properties

__all__ = ["HANDLERS"]


def database(context: Context, properties: Properties) -> Created:
    """Create a database of the data catalogue."""
    properties.take("CatalogId")
    described = properties.take("DatabaseInput")
    context.client("glue").create_database(DatabaseInput=described)
    return Created(described["Name"])


def table(context: Context, properties: Properties) -> Created:
    """Create a table, or a view, of the data catalogue."""
    properties.take("CatalogId")
    described = properties.take("TableInput")
    context.client("glue").create_table(DatabaseName=properties.take("DatabaseName"), TableInput=described)
    return Created(described["Name"])


def work_group(context: Context, properties: Properties) -> Created:
    """Create a workgroup with its settings."""
    name = properties.take("Name")
    properties.take("RecursiveDeleteOption", None)  # what happens when the stack is deleted; `down` deletes everything
    context.client("athena").create_work_group(
        Name=name,
        Configuration=properties.take("WorkGroupConfiguration"),
        Description=properties.take("Description", ""),
    )
    return Created(name)


def named_query(context: Context, properties: Properties) -> Created:
    """Save a query."""
    made = context.client("athena").create_named_query(
        **properties.take_all("Name", "Description", "Database", "WorkGroup", "QueryString")
    )
    return Created(made["NamedQueryId"], {"NamedQueryId": made["NamedQueryId"]})


HANDLERS: dict[str, Handler] = {
    "AWS::Athena::NamedQuery": named_query,
    "AWS::Athena::WorkGroup": work_group,
    "AWS::Glue::Database": database,
    "AWS::Glue::Table": table,
}
