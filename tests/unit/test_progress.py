"""Bars where somebody looks on; else a line now and then that says where a work is."""

from __future__ import annotations

import io

import pytest

from tagstream.render import progress
from tagstream.render.console import PrintableConsole


def on_pipe() -> tuple[PrintableConsole, io.StringIO]:
    out = io.StringIO()
    return PrintableConsole(file=out, width=100), out


def test_without_a_terminal_a_line_says_where_a_work_is() -> None:
    console, out = on_pipe()
    bars = progress.on_terminal(*progress.columns("Reading", time="none"), console=console)
    bar = bars.add_task("", total=4000, unit=" bytes")
    bars.add_task("later", visible=False)
    bars.update(bar, completed=1200)
    assert list(bars.spoken()) == ["Reading: 1,200 of 4,000 bytes, 0 s"]
    bars.update(bar, completed=4000)
    assert list(bars.spoken()) == []
    assert out.getvalue() == ""


def test_the_lines_come_by_themselves_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.01)
    console, out = on_pipe()
    bars = progress.on_terminal(*progress.columns(), console=console)
    with bars:
        bars.add_task("Workers are scoring", total=7)
        while "Workers are scoring: 0 of 7" not in out.getvalue():
            pass
    said = out.getvalue()
    assert not bars._speaker or not bars._speaker.is_alive()
    assert out.getvalue() == said


@pytest.mark.parametrize("quiet", [True, False])
def test_scripts_are_told_nothing_and_terminals_have_bars(quiet: bool) -> None:  # noqa: FBT001
    console = PrintableConsole(file=io.StringIO(), force_terminal=not quiet, width=100)
    with progress.on_terminal(*progress.columns(), console=console, quiet=quiet) as bars:
        assert bars._speaker is None
