"""`python -m tagstream.reference docs`: write what is generated in the pages of a folder anew."""

from __future__ import annotations

import sys
from pathlib import Path

from tagstream.reference import pages

for page in pages.renew(Path(sys.argv[1])):
    sys.stdout.write(f"{page}\n")
