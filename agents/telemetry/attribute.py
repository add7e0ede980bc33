"""Span attributes: the types of value that a span takes."""

from __future__ import annotations

Attribute = str | bool | int | float
