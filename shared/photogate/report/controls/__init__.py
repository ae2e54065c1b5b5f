"""Controls as data: what each asks for in our words, which checks it is judged by, and what only people can show.

The words are ours: no norm is quoted. Whoever needs a norm's own text has to get it from its publisher.
"""

from __future__ import annotations

from photogate.report.controls.control import Control, Framework
from photogate.report.controls.gdpr import GDPR
from photogate.report.controls.iso27001 import ISO27001
from photogate.report.controls.soc2 import SOC2

__all__ = ["FRAMEWORKS", "Control", "Framework"]

FRAMEWORKS: dict[str, Framework] = {framework.name: framework for framework in (SOC2, ISO27001, GDPR)}
