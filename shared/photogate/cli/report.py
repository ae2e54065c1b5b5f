"""`photogate report`: evidence for auditors, as a page to read and print, and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import click

from photogate.audit.damage import DamageFound
from photogate.audit.event import LOG_TENANT, EventName
from photogate.audit.query import Question
from photogate.audit.receipts import Receipts, event_reference
from photogate.audit.verify import verify
from photogate.cli.audit_desk import Desk, deployment_options
from photogate.cli.audit_offline import FILE, FOLDER, read_vkey
from photogate.cli.connection import settings_of
from photogate.cli.moments import MOMENT
from photogate.config import REPOSITORY, LedgerSettings, PoliciesSettings, Settings
from photogate.errors import Misconfigured, NotFound
from photogate.report.activity import Activity, Example
from photogate.report.assess import assess
from photogate.report.controls import FRAMEWORKS
from photogate.report.evidence import Evidence, State, Verification
from photogate.report.facts import Facts, facts_of
from photogate.report.gathering import summarise
from photogate.report.pack import Pack, as_json, as_page
from photogate.report.policies import announced_policies
from photogate.tenants import policy_in_force

__all__ = ["report"]


@click.command("report", short_help="Evidence for auditors, breach notices, records of processing.")
@deployment_options
@click.option("--framework", type=click.Choice(list(FRAMEWORKS)), required=True, help="Which controls.")
@click.option("--from", "since", type=MOMENT, default="30d", show_default=True, help="Start of the period.")
@click.option("--to", "until", type=MOMENT, default="now", show_default=True, help="End of the period.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--stack", help="Name of the deployed stack: facts are read from its template and parameters.")
@click.option("--template", type=FILE, help="Template file to read facts from, where --stack is not given.")
@click.option("--export", "export", type=FOLDER, help="Folder of `audit export`, to verify the log for this report.")
@click.option("--vkey", type=FILE, help="File of the log's verifier key; with --export.")
def report(
    desk: Desk,
    framework: str,
    since: datetime,
    until: datetime,
    out: Path,
    stack: str | None,
    template: Path | None,
    export: Path | None,
    vkey: Path | None,
) -> None:
    """Write evidence for each control of a framework: report.html, report.json, and receipts of the events shown.

    It says what was found, what is missing, and what only the organisation can show. It never says that a norm is met.
    """
    facts = read_facts(desk.outputs, stack, template)
    verified = None if export is None else verified_export(export, vkey)
    evidence = gather(desk, facts, since, until, verified)
    desk.record("report", evidence.activity.events, name=EventName.AUDIT_EXPORTED)
    assessments = assess(FRAMEWORKS[framework], evidence)
    shown = [x for a in assessments for x in (*a.examples, *(x for _, r in a.results for x in r.examples))]
    out.mkdir(parents=True, exist_ok=True)
    receipts = write_receipts(desk.outputs, shown, out)
    pack = Pack(FRAMEWORKS[framework], evidence, assessments, datetime.now(UTC), receipts)
    (out / "report.html").write_text(as_page(pack), encoding="utf-8")
    (out / "report.json").write_text(json.dumps(as_json(pack), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = ", ".join(f"{pack.count(state)} {state}" for state in State)
    click.echo(
        f"{len(assessments)} controls: {counts}. {len(receipts)} receipts. See {out.name}/report.html.", err=True
    )


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


def gather(desk: Desk, facts: Facts, since: datetime, until: datetime, verified: Verification | None) -> Evidence:
    """Read the period from the log, by Query alone, and the policy in force."""
    from photogate.aws.audit_table import AuditTable
    from photogate.aws.policies_table import DynamoPolicies
    from photogate.aws.session import make_client

    until = min(until, datetime.now(UTC))
    settings = settings_of(PoliciesSettings, desk.outputs)
    dynamodb = make_client("dynamodb", settings)
    policies = DynamoPolicies(dynamodb, settings.policies_table)
    current = policies.current(desk.tenant)
    if current is None:
        raise NotFound("Expected a tenant with a policy; found none")
    table = AuditTable(dynamodb, settings_of(LedgerSettings, desk.outputs).audit_table)
    policy = policy_in_force(policies, table, desk.tenant)

    def ask(tenant: str) -> Question:
        return Question(tenant=tenant, since=since, until=until)

    activity = summarise(
        desk.reader.rows(ask(desk.tenant)),
        desk.reader.rows(ask(LOG_TENANT)),
        tenant=desk.tenant,
        since=since,
        until=until,
        policies=announced_policies(desk.reader, desk.tenant, current.revision),
        purposes=policy.purposes,
        review_days=policy.review.days,
    )
    return Evidence(facts, activity, policy, verified or verification_of(activity))


def verification_of(activity: Activity) -> Verification | None:
    """Give the deployment's own newest verification, as its event says."""
    if activity.verified is None:
        return None
    code, time = activity.verified
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
    folder.mkdir(exist_ok=True)
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
