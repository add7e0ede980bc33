"""`--recall 0.98`, `--precision menu=0.95`: what thresholds are to be chosen for, as it is typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from model.evaluation.calibration import Target


def targets(
    recalls: Sequence[str], precisions: Sequence[str], *, labels: Sequence[str]
) -> Mapping[str, Target]:
    """A target for each label that was named, or for all; a named one outranks that for all.

    Raises `ConfigurationError` for what is no number, a label twice, or nothing at all.
    """
    from model.evaluation.calibration import Precision, Recall  # noqa: PLC0415

    said = [*(_said(each, Recall) for each in recalls), *(_said(each, Precision) for each in precisions)]
    if not said:
        raise ConfigurationError("say what to choose thresholds for: --recall 0.98, or --precision menu=0.95")
    names = [label for label, _ in said]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            f"two targets for {twice or 'all labels'}; a threshold can be chosen for one"
        )
    wanted = dict(said)
    whole = wanted.pop("", None)
    return {**(dict.fromkeys(labels, whole) if whole else {}), **wanted}


def _said(text: str, kind: Callable[[float], Target]) -> tuple[str, Target]:
    """The label, empty for all of them, and the target."""
    label, _, number = text.rpartition("=")
    try:
        return label, kind(float(number))
    except ValueError as error:
        raise ConfigurationError(f"{text!r}: a share is wanted, as in 0.98 or menu=0.98") from error
