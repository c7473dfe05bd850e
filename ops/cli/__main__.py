"""The command line `pingpp-ingest`: assembles its commands."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ops.cli import dead_letters, events, fulfilment, payments, reports
from ops.cli.reconcile import reconcile
from ops.cli.smoke import smoke
from ops.cli.trigger import trigger
from ops.up.run import run_up

app = typer.Typer(
    name="pingpp-ingest",
    help="Every Ping++ payment fulfilled exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print the values of variables, keys included
)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the receiver (PORT, else 8080).")] = None,
    sandbox_port: Annotated[
        int | None,
        typer.Option(help="Port of the sandbox (SANDBOX_PORT, else 8090)."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where all data is kept (DATA_DIR, else ./data)."),
    ] = None,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run with Ping++ itself, as the environment says.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of RQ workers that apply events (EVENT_WORKERS, else 2)."),
    ] = None,
) -> None:
    """Run the whole system in this terminal: Redis, sandbox, receiver, worker, scheduler."""
    raise typer.Exit(run_up(port, sandbox_port, data_dir, no_sandbox, workers))


@app.command()
def sandbox() -> None:
    """Run only the sandbox, a Ping++ of your own."""
    os.execv(sys.executable, [sys.executable, "-m", "sandbox"])  # noqa: S606  the process becomes the sandbox


app.add_typer(fulfilment.app, name="fulfilment")
app.add_typer(payments.app, name="payments")
app.add_typer(events.app, name="events")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(reports.app, name="reports")
app.command()(reconcile)
app.command()(trigger)
app.command()(smoke)


def main() -> None:
    """Run one command: the entry point of `pingpp-ingest`."""
    app()


if __name__ == "__main__":
    main()
