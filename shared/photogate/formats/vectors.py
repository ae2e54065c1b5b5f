"""numpy, where it pays. It reads and counts several times as fast as Python's own loops, and its import costs 60 ms."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["numpy_for"]

_IMPORT = 0.06


class _Spent:
    """Seconds that this process has worked without."""

    seconds = 0.0


def numpy_for(seconds: float) -> Any:
    """Give numpy where it is loaded, or once its import is less than what was done without it; None otherwise.

    Parameters
    ----------
    seconds
        What the work ahead takes without numpy, roughly.
    """
    _Spent.seconds += seconds
    if "numpy" not in sys.modules and _Spent.seconds < _IMPORT:
        return None
    try:
        import numpy
    except ImportError:
        return None
    return numpy
