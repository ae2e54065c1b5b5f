"""Photogate: the privacy gate for photos that a company's users submit."""

__version__ = "0.1.0"
