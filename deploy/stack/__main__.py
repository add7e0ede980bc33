"""`python -m deploy.stack up|down|status|env`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time

from deploy.stack.builds import Missing
from deploy.stack.layout import HOST, Layout, Misplaced, from_environment
from deploy.stack.service import NotReady
from deploy.stack.stack import Stack

EXAMPLES = """
examples:
  make stack-up                            start it, and say how to use it
  make stack-up STACK_KAFKA_PORT=19092     on another port (KAFKA, KAFKA_SSL, KAFKA_SASL,
                                           KAFKA_CONTROLLER, MONGO, S3)
  set -a; . .stack/stack.env; set +a       this shell's Tagstream now works with it
  make stack-down                          stop it; what it holds stays in .stack/
  python -m deploy.stack down --wipe       stop it, and forget what it holds
"""


def main() -> int:
    """Run the command; 1 and a line where something is missing or does not answer."""
    asked = _arguments().parse_args()
    try:
        stack = Stack(from_environment())
        match asked.command:
            case "up":
                _up(stack)
            case "down":
                _down(stack, wipe=asked.wipe)
            case "fetch":
                stack.fetch()
            case "status":
                return _status(stack, as_json=asked.json)
            case "env":
                _say(stack.environment_file().rstrip())
    except (Missing, Misplaced, NotReady) as error:
        sys.stderr.write(f"stack: {error}\n")
        return 1
    return 0


def _arguments() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m deploy.stack", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start what does not run, in the background")
    down = commands.add_parser("down", help="stop what was started, and nothing else")
    down.add_argument("--wipe", action="store_true", help="forget all topics, documents and objects too")
    status = commands.add_parser("status", help="what runs; exits 1 unless everything does")
    status.add_argument("--json", action="store_true", help="one JSON object a server")
    commands.add_parser("fetch", help="fetch and build what the servers are made of, and start nothing")
    commands.add_parser("env", help="the settings that work with it (with passwords)")
    return parser


def _up(stack: Stack) -> None:
    began = time.monotonic()
    stack.up()
    ports, folder = stack.layout.ports, stack.layout.folder
    _say(f"Up in {time.monotonic() - began:.0f} s, on loopback alone:")
    secure = f"TLS on {ports.kafka_ssl}, TLS with a password on {ports.kafka_sasl}"
    _say(f"  Kafka    {HOST}:{ports.kafka} ({secure})")
    _say(f"  MongoDB  mongodb://{HOST}:{ports.mongo}")
    _say(f"  S3       http://{HOST}:{ports.s3}; its bucket announces itself on the uploads topic")
    _say(f"Use it:    set -a; . {folder}/stack.env; set +a; tagstream doctor")
    _say(f"Logs:      {folder}/*/log")
    _say("Stop it:   make stack-down")


def _down(stack: Stack, *, wipe: bool) -> None:
    stopped = stack.down()
    _say(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing of it was running")
    if wipe:
        _wipe(stack.layout)


def _wipe(layout: Layout) -> None:
    """Only what the stack itself has made: the folder may be anybody's."""
    for name in ("kafka", "mongo", "s3"):
        shutil.rmtree(layout.of(name), ignore_errors=True)
    for name in ("credentials.json", "stack.env"):
        (layout.folder / name).unlink(missing_ok=True)
    _say(f"Forgotten: all that was in {layout.folder}")


def _status(stack: Stack, *, as_json: bool) -> int:
    for service in stack.services:
        pid = service.pid()
        answers = pid is not None and service.is_ready()
        if as_json:
            _say(json.dumps({"service": service.name, "pid": pid, "answers": answers}))
        else:
            said = f"pid {pid}, {'answers' if answers else 'does not answer'}" if pid else "not running"
            _say(f"{service.name:8} {said}")
    return 0 if all(service.pid() and service.is_ready() for service in stack.services) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
