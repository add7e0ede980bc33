"""What a terminal or a browser would obey is spelt out, wherever it comes from."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as some
from markupsafe import Markup
from rich.text import Text

from agents.telemetry import logs
from agents.telemetry.settings import LogSettings
from model import templates
from schemas import topics
from schemas.printable import one_line, printable
from streams.message import Message
from tagstream import printable_streams
from tagstream.render import messages, progress, tables
from tagstream.render.console import PrintableConsole

NAME = "a\x1b]0;title\x07b\x9b8mc\u202ed[/bold]:smile:[link=http://x]e"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
OWN = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")
"""What a console of ours says to a terminal: colours, and where its bars go."""


ROOT: Final = Path(__file__).parents[2]


def terminal() -> tuple[PrintableConsole, io.StringIO]:
    out = io.StringIO()
    return PrintableConsole(file=out, force_terminal=True, width=160), out


def shown(out: io.StringIO) -> str:
    return OWN.sub("", out.getvalue())


@given(some.text())
def test_nothing_that_is_obeyed_stays_and_json_stays_the_same_document(text: str) -> None:
    assert not OBEYED.search(printable(text))
    document = json.dumps(text, ensure_ascii=False)
    assert json.loads(printable(document)) == text


def test_one_line_stays_one_line() -> None:
    assert one_line("a\nb\tc\r") == r"a\u000ab\u0009c\u000d"


@pytest.mark.parametrize("what", [NAME, Text(NAME, "bold red")])
def test_a_console_shows_a_name_and_neither_obeys_it_nor_takes_it_for_markup(what: str | Text) -> None:
    console, out = terminal()
    console.print(what, soft_wrap=True)
    assert not OBEYED.search(shown(out).replace("\n", ""))
    for part in (r"\u001b]0;title", r"\u009b8m", r"\u202e", "[/bold]:smile:[link=http://x]e"):
        assert part in shown(out)
    assert "\x1b]8" not in out.getvalue()


def test_styles_stay_where_they_were() -> None:
    console, out = terminal()
    console.print(Text.assemble(("a\x1b", "bold"), "b", ("c\x9b", "red")))
    assert out.getvalue() == "\x1b[1ma\\u001b\x1b[0mb\x1b[31mc\\u009b\x1b[0m\n"


def test_a_column_is_as_wide_as_what_it_shows() -> None:
    console, out = terminal()
    table = tables.plain("Name", "Next", whole={"Name"})
    table.add_row("\x1b\x1b\x1b", Text("\u202e"))
    console.print(table)
    assert "\\u001b\\u001b\\u001b  \\u202e" in shown(out)


def test_bars_and_what_is_written_beside_them_are_only_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    console, out = terminal()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    before = sys.stdout
    with progress.on_terminal(*progress.columns(), console=console) as bars:
        bars.add_task(NAME, total=2)
        sys.stdout.write(f"{NAME}\n")
        bars.refresh()
    assert sys.stdout is before
    assert not OBEYED.search(shown(out).translate({ord("\n"): None, ord("\r"): None}))
    assert shown(out).count(r"\u009b8m") >= 2


BAR: Final = """
import sys
from tagstream import printable_streams
from tagstream.render import progress

with printable_streams.around_both():
    bars = progress.on_terminal(*progress.columns(), transient=False)
    task = bars.add_task("Rows scored", total=3)
    bars.start()
    sys.stderr.write("a line of another's\\n")
    bars.update(task, completed=3)
    bars.stop()
"""


def test_a_bar_is_drawn_on_a_terminal_and_comes_to_its_end() -> None:
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))
    environment = os.environ | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", BAR], stdin=its, stdout=its, stderr=its, env=environment
    ) as drawing:
        os.close(its)
        drawn = b"".join(iter(lambda: read(ours), b"")).decode()
        assert drawing.wait(60) == 0
    os.close(ours)
    assert "\\u001b" not in drawn
    assert "Rows scored" in drawn
    assert "a line of another's" in drawn
    assert "3/3" in drawn


def read(terminal: int) -> bytes:
    """The next bytes; none when its last writer is gone."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_what_any_library_writes_is_spelt_out_while_a_command_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.stdout, sys.stderr
    with printable_streams.around_both():
        sys.stdout.write(NAME)
        sys.stderr.writelines([NAME, "\n"])
        assert sys.stdout.writable()
    assert (sys.stdout, sys.stderr) == before
    told = capsys.readouterr()
    spelt = r"a\u001b]0;title\u0007b\u009b8mc\u202ed[/bold]:smile:[link=http://x]e"
    assert (told.out, told.err) == (spelt, f"{spelt}\n")


def test_a_log_line_for_people_shows_a_key_and_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with printable_streams.around_both():
        logs.configure(LogSettings(format="console"))
        logging.getLogger("x").warning("read %s", f"{NAME}\nforged line")
    (line,) = capsys.readouterr().err.splitlines()
    assert not OBEYED.search(line)
    assert r"\u000aforged line" in line


def page(template: str, **facts: object) -> str:
    environment = templates.environment()
    environment.loader = jinja2.DictLoader({"page": template})
    return environment.get_template("page").render(facts)


def test_a_page_shows_a_name_and_obeys_nothing_of_it() -> None:
    made = page("<p title='{{ name }}'>{{ name }}</p>", name=f"<b>{NAME}'")
    assert not OBEYED.search(made)
    assert "<b>" not in made


def test_a_name_from_right_to_left_turns_nothing_round_that_stands_beside_it() -> None:
    assert page("{{ name }}: 1", name="\u05e9\u05dc\u05d5\u05dd") == "\u2068\u05e9\u05dc\u05d5\u05dd\u2069: 1"


def test_markup_of_our_own_stays_in_a_page() -> None:
    assert page("{{ plot }}", plot=Markup("<svg/>")) == "<svg/>"


def test_a_name_cannot_begin_a_line_of_its_own_where_a_line_is_a_fact() -> None:
    console, out = terminal()
    console.print_line(Text.assemble(("✓ ", "green"), "a.jpg\n✓ forged.jpg", ("\tend", "dim")))
    console.print_line("b\r\nc")
    assert shown(out).splitlines() == [r"✓ a.jpg\u000a✓ forged.jpg\u0009end", r"b\u000ac"]


def test_a_message_of_a_topic_is_one_line_whatever_its_key_holds(capsys: pytest.CaptureFixture[str]) -> None:
    messages.write_line(Message(topics.RETRY, 0, 7, key=b"a\nb", value=b"c\nd"))
    (told,) = capsys.readouterr().out.splitlines()
    assert told.endswith("0:7")
