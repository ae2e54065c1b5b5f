"""Write `docs/controls.md`: which control is judged by which checks.

Run it as ``python -m docs.make_controls``; a test says when the file is no longer current.
"""

from __future__ import annotations

import photogate.report.assess  # noqa: F401 - registers the checks
from photogate.config import REPOSITORY
from photogate.report.controls import FRAMEWORKS, Control
from photogate.report.evidence import CHECKS, Check

CONTROLS = REPOSITORY / "docs" / "controls.md"
HEAD = """\
# Controls

```
photogate report --tenant <tenant> --framework soc2 --from 90d --out evidence --stack <stack>
photogate report --tenant <tenant> --framework gdpr --from 2026-10-01 --to 2026-11-01 --out evidence \\
    --stack <stack> --export <folder of audit export> --vkey log.vkey
```

It writes `soc2.html`, to read and to print, `soc2.json` with the same content, and `receipts/`: a receipt for every
event that the page shows. **It is evidence. It never says that a norm is met**: that is for the organisation and its
auditor to say. Requirements are in our words; whoever needs a norm's text has to get it from its publisher.

Four sources, each named on the page:

- **The deployment**, by template and parameters of `--stack` as CloudFormation has them, with its SHA-256. Without
  `--stack` it is the template file beside the program, which says what would be deployed, and the page says so.
- **The policy** that is in force for the tenant.
- **The log**: every event of the tenant in the period, read by Query, in one pass. A rule that applies to events or
  photos is checked against all of them. Making a report is one `audit.exported` event of whoever makes it.
- **The verifier**: `photogate audit verify` over `--export`; without it, the deployment's own newest `audit.verified`.

Whoever makes a report needs Query and PutItem on the Audit table, Query on its indexes, GetItem on Policies and Ledger,
GetObject on the ledger bucket, `kms:GenerateMac` on the pseudonym key; with `--stack`, `cloudformation:GetTemplate` and
`DescribeStacks`.

A check comes to one of three results, and so does a control:

| result | a check | a control |
|---|---|---|
| evidence found | what it asserts holds | no check fails |
| failing | it does not, and the page says where | one check fails, or more |
| no evidence in the period | there was nothing to check | nothing of what should happen did |

Three more reports are written the same way:

| | what | from |
|---|---|---|
| `--incident` | facts for a breach notice (GDPR 33): whose, what, how many, when, who had access | the log |
| `--ropa` | the record of processing (GDPR 30) | template, policy in force, numbers of the period |
| `--dpia` | draft of an impact assessment (GDPR 35): facts filled in, judgements left open | the same |

Without `--tenant` nothing is read but the template: what a deployment would be set up to do, and not what it did.

A photo that came in before the period, and one that came in less than an hour before its end, are not held to what
happens at the other end of their way.

"""


def text() -> str:
    """Give the page."""
    parts = [HEAD]
    for framework in FRAMEWORKS.values():
        parts.append(f"## {framework.title}\n\n| control | asks for | judged by | yours to show |\n|---|---|---|---|\n")
        parts += map(_control, framework.controls)
        parts.append("\n")
    parts.append("## The checks\n\n| check | asserts | shown by |\n|---|---|---|\n")
    parts += map(_check, CHECKS.values())
    return "".join(parts)


def _control(control: Control) -> str:
    checks = ", ".join(f"`{name}`" for name in control.checks)
    return f"| {control.id} {control.title} | {control.asks} | {checks} | {control.organisation} |\n"


def _check(check: Check) -> str:
    return f"| `{check.name}` | {check.title} | {'what happened' if check.operating else 'how it is set up'} |\n"


if __name__ == "__main__":
    CONTROLS.write_text(text(), encoding="utf-8")
