"""`python -m tools.reference README.md docs`: write what pages take out of the code anew."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.reference import measured, pages

for page in (renewed for asked in sys.argv[1:] for renewed in pages.renew(Path(asked))):
    sys.stdout.write(f"{page}\n")

README = Path(sys.argv[1])
before = README.read_text(encoding="utf-8") if README.is_file() else ""
if "<!-- measured:" in before and (after := measured.renewed(before, measured.lines())) != before:
    README.write_text(after, encoding="utf-8")
    sys.stdout.write(f"{README}\n")
