"""What a span may be told about itself."""

from __future__ import annotations

Attribute = str | bool | int | float
