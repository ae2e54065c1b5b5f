"""`photogate report`: what the log, the deployment and the policy say, as pages to read and print, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import click

from photogate.audit.damage import DamageFound
from photogate.audit.event import LOG_TENANT, EventName
from photogate.audit.query import Question
from photogate.audit.receipts import Receipts, event_reference
from photogate.audit.row import Row
from photogate.audit.verify import verify
from photogate.cli.audit_desk import Desk, open_desk
from photogate.cli.audit_offline import FILE, FOLDER, read_vkey
from photogate.cli.connection import settings_of
from photogate.cli.failing import named_errors
from photogate.cli.moments import MOMENT
from photogate.config import REPOSITORY, LedgerSettings, PoliciesSettings, Settings
from photogate.errors import Misconfigured, NotFound
from photogate.policy import default_policy
from photogate.report.activity import Activity, Example
from photogate.report.assess import assess
from photogate.report.controls import FRAMEWORKS
from photogate.report.document import document_json, document_page
from photogate.report.evidence import Evidence, State, Verification
from photogate.report.facts import Facts, facts_of
from photogate.report.gathering import summarise
from photogate.report.incident import incident_document, touched
from photogate.report.pack import Pack, as_json, as_page
from photogate.report.policies import announced_policies
from photogate.report.processing import impact_assessment, record_of_processing
from photogate.tenants import policy_in_force

__all__ = ["report"]

NOBODY = "none: the template speaks alone, with the built-in policy"

VERIFIED_WITHIN = timedelta(days=2)
"""The deployment verifies its log daily; what is older says little of the end of a period."""


@click.command("report", short_help="Evidence for auditors, breach notices, records of processing.")
@click.option("--framework", type=click.Choice(list(FRAMEWORKS)), help="Evidence for its controls.")
@click.option("--incident", "kind", flag_value="incident", help="Facts for a breach notice (GDPR 33).")
@click.option("--ropa", "kind", flag_value="ropa", help="Record of processing (GDPR 30).")
@click.option("--dpia", "kind", flag_value="dpia", help="Draft of an impact assessment (GDPR 35).")
@click.option(
    "--tenant", envvar="PHOTOGATE_TENANT", help="Whose log and policy; without it, the template speaks alone."
)
@click.option("--from", "since", type=MOMENT, default="30d", show_default=True, help="Start of the period.")
@click.option("--to", "until", type=MOMENT, default="now", show_default=True, help="End of the period.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--stack", help="Name of the deployed stack: facts are read from its template and parameters.")
@click.option("--template", type=FILE, help="Template file to read facts from, where --stack is not given.")
@click.option("--export", "export", type=FOLDER, help="Folder of `audit export`, to verify the log for this report.")
@click.option("--vkey", type=FILE, help="File of the log's verifier key; with --export.")
@click.option(
    "--outputs", type=FILE, help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it."
)
def report(
    framework: str | None,
    kind: str | None,
    tenant: str | None,
    since: datetime,
    until: datetime,
    out: Path,
    stack: str | None,
    template: Path | None,
    export: Path | None,
    vkey: Path | None,
    outputs: Path | None,
) -> None:
    """Write one report: NAME.html, to read and to print, and NAME.json with the same content.

    With --framework, evidence for each control, and receipts of the events shown: what was found, what is missing, and
    what only the organisation can show. It never says that a norm is met. Without --tenant, the template alone is
    judged, by the built-in policy and without any event: what a deployment would be set up to do.
    """
    if (framework is None) == (kind is None):
        raise click.UsageError("Expected one of --framework, --incident, --ropa and --dpia")
    if tenant is None and (kind == "incident" or export is not None):
        raise click.UsageError("Expected --tenant with --incident and --export")
    with named_errors():
        facts = read_facts(outputs, stack, template)
        since, until = since.astimezone(UTC), min(until, datetime.now(UTC))
        if tenant is None:
            activity = summarise((), (), tenant=NOBODY, since=since, until=until)
            evidence, desk = Evidence(facts, activity, default_policy(), None), None
        else:
            desk = open_desk(tenant, outputs)
            period = Period(desk, since, until)
            if kind == "incident":
                write_incident(period, facts, out)
                return
            evidence = gather(period, facts, None if export is None else verified_export(export, vkey))
            desk.record("report", evidence.activity.events, name=EventName.AUDIT_EXPORTED)
        if framework is not None:
            write_pack(desk, framework, evidence, out)
            return
        document = (record_of_processing if kind == "ropa" else impact_assessment)(evidence, datetime.now(UTC))
        write(out, document.kind, document_page(document), document_json(document))


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a report is about, and the log that it is read from."""

    desk: Desk
    since: datetime
    until: datetime

    def rows(self, tenant: str) -> Iterator[Row]:
        """Give the events of a tenant, oldest first."""
        return self.desk.reader.rows(Question(tenant=tenant, since=self.since, until=self.until))


def write(out: Path, name: str, page: str, plain: dict[str, Any]) -> None:
    """Write a report as a page and as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.html").write_text(page, encoding="utf-8")
    (out / f"{name}.json").write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"Wrote {name}.html and {name}.json to {out.name}.", err=True)


def write_incident(period: Period, facts: Facts, out: Path) -> None:
    """Write the facts for a breach notice."""
    desk = period.desk
    found = touched(period.rows(desk.tenant), period.rows(LOG_TENANT))
    desk.record("report", found.events, name=EventName.AUDIT_EXPORTED)
    document = incident_document(found, facts, desk.tenant, period.since, period.until, datetime.now(UTC))
    write(out, document.kind, document_page(document), document_json(document))


def write_pack(desk: Desk | None, framework: str, evidence: Evidence, out: Path) -> None:
    """Write evidence for a framework, with receipts of the events that it shows."""
    assessments = assess(FRAMEWORKS[framework], evidence)
    shown = [x for a in assessments for x in (*a.examples, *(x for _, r in a.results for x in r.examples))]
    receipts = write_receipts(desk.outputs, shown, out) if desk else {}
    pack = Pack(FRAMEWORKS[framework], evidence, assessments, datetime.now(UTC), receipts)
    write(out, framework, as_page(pack), as_json(pack))
    counts = ", ".join(f"{pack.count(state)} {state}" for state in State)
    click.echo(f"{len(assessments)} controls: {counts}. {len(receipts)} receipts.", err=True)


def read_facts(outputs: Path | None, stack: str | None, template: Path | None) -> Facts:
    """Read what is deployed, or the template beside this program.

    Raises
    ------
    Misconfigured
        If neither is there.
    """
    if stack is not None:
        from photogate.aws.session import make_client
        from photogate.aws.stack import deployed_template

        source, given = deployed_template(make_client("cloudformation", settings_of(Settings, outputs)), stack)
        return facts_of(source, stack, deployed=True, given=given)
    path = template or REPOSITORY / "template.yaml"
    if not path.is_file():
        raise Misconfigured("Expected --stack NAME or --template FILE; found neither")
    return facts_of(path.read_bytes(), path.name)


def verified_export(export: Path, vkey: Path | None) -> Verification:
    """Verify an export whose ledger lies in its folder `ledger`, as `photogate audit export` leaves it."""
    if vkey is None:
        raise click.UsageError("Expected --vkey with --export")
    by = "photogate audit verify, for this report"
    try:
        found = verify(export, export / "ledger", read_vkey(vkey))
    except DamageFound as damage:
        return Verification(by, False, f"{damage.damage.title} at {damage.place}")
    root = found.newest.root.hex()
    return Verification(by, True, f"{found.rows} rows agree with {found.checkpoints} signed checkpoints, root {root}")


def gather(period: Period, facts: Facts, verified: Verification | None) -> Evidence:
    """Read the period from the log, by Query alone, and the policy in force."""
    from photogate.aws.audit_table import AuditTable
    from photogate.aws.policies_table import DynamoPolicies
    from photogate.aws.session import make_client

    desk, tenant = period.desk, period.desk.tenant
    settings = settings_of(PoliciesSettings, desk.outputs)
    dynamodb = make_client("dynamodb", settings)
    policies = DynamoPolicies(dynamodb, settings.policies_table)
    current = policies.current(tenant)
    if current is None:
        raise NotFound("Expected a tenant with a policy; found none")
    table = AuditTable(dynamodb, settings_of(LedgerSettings, desk.outputs).audit_table)
    policy = policy_in_force(policies, table, tenant)
    announced = announced_policies(desk.reader, tenant, current.revision)
    documents = [found for found in (policies.get(tenant, h) for h in sorted(announced)) if found is not None]
    activity = summarise(
        period.rows(tenant),
        period.rows(LOG_TENANT),
        tenant=tenant,
        since=period.since,
        until=period.until,
        policies=announced,
        purposes={purpose for document in documents for purpose in document.purposes},
        review_days=policy.review.days,
    )
    return Evidence(facts, activity, policy, verified or verification_of(activity))


def verification_of(activity: Activity) -> Verification | None:
    """Give the deployment's own newest verification, as its event says."""
    if activity.verified is None:
        return None
    code, time = activity.verified
    if code == 0 and activity.until - datetime.fromisoformat(time) > VERIFIED_WITHIN:
        return None
    said = "nothing is wrong" if code == 0 else f"damage, exit code {code}"
    return Verification(f"the deployment's own verifier, {time[:16].replace('T', ' ')}", code == 0, said)


def write_receipts(outputs: Path | None, shown: list[Example], out: Path) -> dict[tuple[str, int], str]:
    """Write a receipt for each event shown that a checkpoint covers; give their names by chain and sequence."""
    from photogate.aws.audit_table import AuditTable
    from photogate.aws.ledger_bucket import LedgerBucket
    from photogate.aws.ledger_table import LedgerTable
    from photogate.aws.session import make_client

    settings = settings_of(LedgerSettings, outputs)
    dynamodb = make_client("dynamodb", settings)
    fetch = cache(LedgerBucket(make_client("s3", settings), settings.ledger_bucket).get)
    source = Receipts(AuditTable(dynamodb, settings.audit_table), LedgerTable(dynamodb, settings.ledger_table), fetch)
    folder = out / "receipts"
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[tuple[str, int], str] = {}
    for chain, seq in sorted({(example.chain, example.seq) for example in shown}):
        try:
            receipt = source.of(chain, seq)
        except NotFound:
            continue  # nothing is sealed yet, or the event has expired since it was read
        if receipt is not None:
            own = "log." if chain.startswith(f"{LOG_TENANT}/") else ""
            path = folder / f"{own}{event_reference(chain, seq)}.tlog-proof"
            path.write_bytes(receipt.data)
            written[chain, seq] = path.relative_to(out).as_posix()
    return written
