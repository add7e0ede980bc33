"""`tagstream replay plan`: what a replay would take, before anybody starts one."""

from __future__ import annotations

from typing import Annotated

import typer

from operations.capacity_plan import GENTLE


def plan(  # noqa: PLR0913 - one parameter an option
    *,
    images: Annotated[float, typer.Option(min=1, metavar="N", help="To score again, as 500e6.")],
    rate: Annotated[
        str, typer.Option(metavar="measured|N", help="Images a second of one worker; else as measured here.")
    ] = "measured",
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="That there are for it.")] = 1,
    deadline: Annotated[
        float | None, typer.Option(min=0.01, metavar="HOURS", help="Say how many workers it takes, instead.")
    ] = None,
    partitions: Annotated[int, typer.Option(min=1, help="Of the topics.")] = 12,
    live_per_day: Annotated[
        float, typer.Option(min=0, metavar="N", help="Photographs that are uploaded meanwhile, as 500e3.")
    ] = 0.0,
    peak: Annotated[
        float | None,
        typer.Option(min=1, metavar="X", help="Their busiest hour beside the mean; restaurants' if absent."),
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="Of each worker, that the replay may take at most.")
    ] = GENTLE,
    bytes_an_image: Annotated[
        float | None, typer.Option(min=1, metavar="N", help="Read from storage; the store's mean if absent.")
    ] = None,
    renditions: Annotated[
        bool, typer.Option("--renditions", help="Stored renditions are read instead: 45 KB each.")
    ] = False,
    replication: Annotated[int, typer.Option(min=1, help="Replicas of the topics.")] = 3,
    price_worker_hour: Annotated[
        float | None, typer.Option(min=0, metavar="PRICE", help="Of an hour of a worker.")
    ] = None,
    price_gb_read: Annotated[
        float | None, typer.Option(min=0, metavar="PRICE", help="Of 1e9 bytes read from storage.")
    ] = None,
    price_million_gets: Annotated[
        float | None, typer.Option(min=0, metavar="PRICE", help="Of a million reads from storage.")
    ] = None,
    price_gb_month: Annotated[
        float | None, typer.Option(min=0, metavar="PRICE", help="Of 1e9 bytes in the store for a month.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what a replay would take: workers, partitions, hours, bytes, money.

    Arithmetic alone: nothing is sent. Live photographs are served first, hour by hour of a day; the replay
    takes what they leave, and at most its share. With `--rate measured` the figure of a worker comes from
    the scores in the store, if they were made without a pause, else from `make bench`. Each number that
    entered is printed with where it comes from. Money is printed for what has a price.

    For example:

    - `tagstream replay plan --images 500e6 --rate 86 --renditions --live-per-day 500e3`

    - `tagstream replay plan --images 500e6 --rate 39 --deadline 168 --partitions 48`

    - `tagstream replay plan --images 2e6 --price-worker-hour 0.08 --price-million-gets 0.4 --json`
    """
    import asyncio

    from operations import capacity_day, capacity_plan, capacity_sample, capacity_sources
    from operations.capacity_sources import CapacityFigure
    from schemas.errors import ConfigurationError
    from tagstream.commands.environment import load_settings
    from tagstream.render import capacity_plan as render

    config = load_settings()
    sample = asyncio.run(capacity_sample.read_sample(config))
    figures = {
        "rate": capacity_sources.rate(rate, sample, config, renditions=renditions),
        "image_bytes": capacity_sources.image_bytes(bytes_an_image, sample, renditions=renditions),
        "record_bytes": capacity_sources.record_bytes(sample),
        "head_bytes": capacity_sources.head_bytes(sample),
        "message_bytes": capacity_sources.message_bytes(),
        "peak": CapacityFigure(peak, "--peak")
        if peak
        else CapacityFigure(capacity_day.natural_peak(), "assumed: lunch and dinner, drawn and not measured"),
    }
    prices = {
        "worker-hour": price_worker_hour,
        "gb-read": price_gb_read,
        "million-gets": price_million_gets,
        "gb-month": price_gb_month,
    }
    question = capacity_plan.CapacityQuestion(
        images=images,
        workers=workers,
        deadline=deadline,
        partitions=partitions,
        live_per_day=live_per_day,
        share=share,
        replication=replication,
        prices={name: price for name, price in prices.items() if price is not None},
        **{name: each.value for name, each in figures.items()},
    )
    try:
        found = capacity_plan.plan(question)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    render.show(question, found, figures, as_json=as_json)
