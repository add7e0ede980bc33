"""`python -m tagstream`: the same as the `tagstream` command."""

from __future__ import annotations

from tagstream.cli import main

if __name__ == "__main__":
    main()
