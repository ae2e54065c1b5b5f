"""The service on one machine: the real template on MiniStack, over TLS, bound to 127.0.0.1.

What a run here proves, and what it does not, is in ``docs/local.md``.
"""
