"""`tagstream demo`: the main job, here and now, on sample photographs or on yours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from schemas.errors import ConfigurationError, TagstreamError

if TYPE_CHECKING:
    from tagstream.demo.demo_run import DemoOptions
    from tagstream.demo.result import Result

EXIT_INTERRUPTED: Final = 130


def demo(
    *,
    photos: Annotated[
        Path | None, typer.Option("--photos", metavar="DIR", help="Your own folder, searched recursively.")
    ] = None,
    drill: Annotated[
        bool | None,
        typer.Option("--drill/--no-drill", help="Kill the worker in mid-run. Default: with the samples."),
    ] = None,
    report: Annotated[Path, typer.Option(metavar="FILE", help="Where the report goes.")] = Path(
        "demo-report.html"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")] = False,
) -> None:
    """Tag photographs from end to end on this machine, and prove that nothing was lost.

    Starts a Kafka broker, an S3 endpoint and a store (embedded, temporary, on loopback only) and a
    real worker process; uploads the photographs, publishes their events, and reads every topic back.
    With the samples, two of them bad on purpose, the worker is killed with -9 in the middle and
    another one takes over. Writes `demo-report.html`.

    Exits 0 only if every photograph is accounted for: tagged, or dead-lettered with its cause.

    For example:

    - `tagstream demo`

    - `tagstream demo --photos ~/Pictures --report pictures.html`

    - `tagstream demo --photos ~/Pictures --drill --json | jq .redelivered`
    """
    asked = _asked(photos, is_drill=photos is None if drill is None else drill)
    _refuse_unwritable(report)
    result = _run(asked, is_quiet=as_json)
    _tell(result, report, as_json=as_json)
    if not result.account.is_complete:
        for missing in result.account.missing:
            typer.echo(f"tagstream demo: {missing.photo.name} is missing: {missing.why}", err=True)
        raise typer.Exit(1)


def _asked(photos: Path | None, *, is_drill: bool) -> DemoOptions:
    """Everything that can be wrong with what was asked is found here, before anything starts."""
    from agents.wiring import model_source, settings
    from tagstream.demo import photos as choosing
    from tagstream.demo.demo_run import DemoOptions

    manifest = model_source.manifest_here(settings.load())
    if photos is None:
        return DemoOptions(choosing.samples, is_drill, manifest)
    chosen = choosing.of_folder(photos)
    return DemoOptions(lambda _: chosen, is_drill, manifest)


def _refuse_unwritable(report: Path) -> None:
    if report.is_dir() or not report.absolute().parent.is_dir():
        raise ConfigurationError(f"--report {report}: not a file in a folder that is there")


def _run(asked: DemoOptions, *, is_quiet: bool) -> Result:
    import asyncio
    import signal

    from tagstream.demo.console_reporter import ConsoleReporter
    from tagstream.demo.demo_run import run

    # Whoever ends us, by Ctrl-C or SIGTERM: the workers are ended first.
    # SIGINT may come ignored (a shell's background job), and then nothing would end us in order.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with ConsoleReporter(is_quiet=is_quiet) as narrator:
            return asyncio.run(run(asked, narrator))
    except KeyboardInterrupt:
        typer.echo("tagstream demo: interrupted; its workers are stopped", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except ConfigurationError:
        raise
    except TagstreamError as error:
        typer.echo(f"tagstream demo: {error}", err=True)
        raise typer.Exit(1) from error


def _tell(result: Result, report: Path, *, as_json: bool) -> None:
    import json

    from tagstream.demo import report as reporting
    from tagstream.demo import table
    from tagstream.render.console import PrintableConsole

    report.write_text(reporting.render(result), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(result.document(), indent=2))
        return
    console = PrintableConsole()
    table.show(result, console)
    console.print(f"Report: {report.absolute()}", soft_wrap=True)
