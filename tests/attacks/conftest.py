"""Fixtures that attacks share with the function tests."""

from tests.functions.conftest import aws

__all__ = ["aws"]
