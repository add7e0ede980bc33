"""Luigi, imported in one place: it belongs to the extra `train`, and serving never comes here."""

from __future__ import annotations

import warnings

from schemas.errors import ConfigurationError

try:
    with warnings.catch_warnings():
        # At its first import Luigi says that its range tasks will not be loaded by themselves one day.
        warnings.simplefilter("ignore", DeprecationWarning)
        import luigi
        from luigi.parameter import ParameterVisibility
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        "the pipeline wants Luigi, which is not installed: pip install 'tagstream[train]'"
    ) from missing

__all__ = ["ParameterVisibility", "luigi"]
