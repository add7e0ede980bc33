"""Runtimes of a version's network: OpenVINO on processors, without torch; torch on GPUs and for the rest."""

import sys
from typing import Any, cast

# OpenVINO tells its makers over the network that it was imported, and keeps an id of the machine in the home
# folder for it; where the library that does so is missing, it does neither. To Python this one is missing.
cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
