"""`photogate policy` and `photogate tenant`: a tenant's rules, from its first to its latest."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from photogate import __version__
from photogate.audit.event import Actor, ActorKind
from photogate.audit.log import AuditLog
from photogate.audit.trail import Trail
from photogate.cli.connection import settings_of, staff_pseudonym
from photogate.cli.failing import named_errors
from photogate.clock import stamp
from photogate.config import AuditSettings, Name, PoliciesSettings
from photogate.findings import Band, Box, Finding, FindingKind
from photogate.policy import Policy, decide, default_policy, parse_policy
from photogate.retention import require_outlived
from photogate.tenants import change_policy, create_tenant, find_policy

__all__ = ["policy", "tenant"]


class PolicyCommandSettings(PoliciesSettings, AuditSettings):
    """What these commands need of a deployment."""

    pseudonym_key: Name


def deployed(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that reaches a deployment, and name its errors."""

    @click.option(
        "--outputs",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it.",
    )
    @wraps(command)
    def reached(outputs: Path | None, **options: Any) -> None:
        with named_errors():
            command(desk=Desk(settings_of(PolicyCommandSettings, outputs)), **options)

    return reached


class Desk:
    """A deployment's policies, and the log that a change goes to first."""

    def __init__(self, settings: PolicyCommandSettings) -> None:
        from photogate.aws.audit_table import AuditTable
        from photogate.aws.policies_table import DynamoPolicies
        from photogate.aws.session import make_client

        client = make_client("dynamodb", settings)
        self._settings = settings
        self.audit = AuditTable(client, settings.audit_table)
        self.policies = DynamoPolicies(client, settings.policies_table)

    def checked(self, policy: Policy) -> Policy:
        """Give a policy that this deployment can keep to."""
        return require_outlived(policy, self._settings.audit_retention_days)

    def trail(self, tenant: str) -> Trail:
        """Give what appends this command's events, as the member of staff whose credentials are in use."""
        staff = staff_pseudonym(self._settings, self._settings.pseudonym_key, tenant)
        log = AuditLog(self.audit)
        return Trail(
            log, "photogate_cli", __version__, uuid.uuid4().hex, Actor(ActorKind.STAFF, staff), time.monotonic()
        )


@click.group()
def policy() -> None:
    """Show, set and test a tenant's policy."""


@policy.command()
@click.argument("tenant", required=False)
@click.option(
    "--outputs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file of the stack's outputs; PHOTOGATE_* settings are read without it.",
)
def show(tenant: str | None, outputs: Path | None) -> None:
    """Show the policy that is in force for TENANT; without one, the built-in default.

    \b
    photogate policy show > policy.json      the default, to start from
    photogate policy show acme
    """
    with named_errors():
        if tenant is None:
            shown, until = default_policy(), None
        else:
            desk = Desk(settings_of(PolicyCommandSettings, outputs))
            found = find_policy(desk.policies, desk.audit, tenant)
            shown, until = found.policy, found.until
        click.echo(json.dumps(json.loads(shown.document()), indent=2, ensure_ascii=False))
        click.echo(f"sha256 {shown.hash}", err=True)
        if until is not None:
            click.echo(f"confirm before {stamp(until)}: `photogate policy set` with the same file", err=True)


@policy.command("set")
@click.argument("tenant")
@click.argument("file", type=click.File("rb"))
@deployed
def set_(desk: Desk, tenant: str, file: Any) -> None:
    """Put the policy in FILE (- is stdin) in force for TENANT, or confirm it; uploads under way keep theirs."""
    current = change_policy(desk.policies, desk.trail(tenant), tenant, desk.checked(parse_policy(file.read())))
    click.echo(json.dumps({"tenant": tenant, "hash": current.policy_hash, "revision": current.revision}))


@policy.command()
@click.argument("file", type=click.File("rb"))
@click.argument("findings", nargs=-1, metavar="[KIND:BAND]...")
def test(file: Any, findings: tuple[str, ...]) -> None:
    """Check the policy in FILE, and say what it decides.

    \b
    photogate policy test policy.json                      every kind and band by itself
    photogate policy test policy.json face:act text:review these together
    """
    with named_errors():
        rules = parse_policy(file.read())
        for seen in [findings] if findings else [(f"{k}:{b}",) for k in FindingKind for b in Band]:
            verdict = decide(rules, [finding(word) for word in seen])
            answer = {"findings": list(seen), "decision": verdict.decision, "reasons": list(verdict.reasons)}
            if sys.stdout.isatty():
                click.echo(f"{' + '.join(seen):<24} {verdict.decision:<8} {', '.join(verdict.reasons)}")
            else:
                click.echo(json.dumps(answer))


def finding(word: str) -> Finding:
    """Read ``kind:band``; what is unknown stays as it is, for the policy to meet."""
    kind, _, band = word.partition(":")
    return Finding(kind, Box(0, 0, 1, 1), 1.0, band or Band.ACT)


@click.group()
def tenant() -> None:
    """Create a tenant."""


@tenant.command()
@click.argument("name")
@click.option("--policy", "file", type=click.File("rb"), help="Its first policy; the built-in default without.")
@deployed
def create(desk: Desk, name: str, file: Any) -> None:
    """Create the tenant NAME: 2 to 40 of a-z, 0-9 and -."""
    first = desk.checked(parse_policy(file.read()) if file else default_policy())
    current = create_tenant(desk.policies, desk.trail(name), name, first)
    click.echo(json.dumps({"tenant": name, "hash": current.policy_hash, "revision": current.revision}))
