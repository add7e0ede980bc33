"""A worker process: Faust's own worker around our app, and an exit that nothing can hold up."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import faust

from agents.bootstrap import OpenParts, create_app
from agents.settings import Settings
from agents.telemetry import logs, masking


def run(settings: Settings, open_parts: OpenParts) -> NoReturn:
    """Work until a signal or a failure, and exit.

    Exit codes: 0 after SIGTERM or SIGINT with everything drained and committed; 1 after a failure; 2 for a
    wrong setting; 3 after a signal when the broker is away and the limits are over. Nothing is lost in any.
    """
    mask = masking.here(settings)
    logs.configure(settings.log, mask=mask)
    app = create_app(settings, open_parts)
    worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    code = 1
    try:
        worker.execute_from_commandline()
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else 1
        if app.refusal is not None:
            sys.stderr.write(f"tagstream: {mask.hide(str(app.refusal))}\n")
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: a thread that hangs in a decoder would hold up the interpreter's exit for ever.
        os._exit(code)
