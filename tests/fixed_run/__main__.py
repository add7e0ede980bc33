"""`python -m tests.fixed_run [--write]`: what differs from the golden file, or the file written anew."""

import argparse
import asyncio
import sys

from agents.telemetry import logs
from agents.telemetry.settings import LogSettings

from .differences import report
from .expected import FILE, SECTIONS, compared, write


async def main() -> int:
    """Compare, or write; 1 where something differs."""
    parser = argparse.ArgumentParser(description="Every document and event of one fixed run, as it was.")
    parser.add_argument("--write", action="store_true", help="expect from now on what the run gives now")
    if parser.parse_args().write:
        await write()
        print(f"{FILE}: {FILE.stat().st_size:,} bytes")
        return 0
    found = [each for section in SECTIONS for each in await compared(section)]
    print(report(found))
    return 1 if found else 0


if __name__ == "__main__":
    logs.configure(LogSettings(level="error"))
    sys.exit(asyncio.run(main()))
