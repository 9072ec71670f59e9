"""Runs written by hand."""

from tests.written import made, written

__all__ = ["made", "written"]
