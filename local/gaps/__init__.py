"""What MiniStack lacks and the template needs, closed in the server's process.

Each function of this package is one gap: it puts something around one function of MiniStack, pinned to one version.
``tests/e2e/test_gaps.py`` shows each closed. The gaps that stay open are listed in ``docs/local.md``.
"""

from __future__ import annotations

import os

from local.gaps import events, functions, keys, policies, workflows

__all__ = ["close"]


def close() -> None:
    """Close every gap. Called once, before the server answers."""
    functions.bound_environments(per_function=2, at_once=max(4, 2 * (os.cpu_count() or 1)))
    functions.name_the_error_of_a_failed_start()
    events.carry_version_to_eventbridge()
    events.ask_the_rules_role()
    workflows.end_when_time_is_up()
    workflows.ask_the_workflows_role()
    policies.name_the_role_in_principal_arn()
    policies.show_encryption_headers()
    keys.ask_the_key()
