"""The entry point: every way a command can end, as one exit status."""

import difflib
import gc
import logging
import platform
import re
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import cast

import typer

from tzmigrate import __version__
from tzmigrate.cli.app import app
from tzmigrate.cli.stderr import ROOT, say, say_error
from tzmigrate.cli.stdout import prepare_streams, silence_stdout
from tzmigrate.errors import ExitStatus, TzmigrateError, Unavailable, UsageError

# typer gives no public name to the base of everything that is wrong with arguments
_ArgumentError = cast("type[Exception]", typer.BadParameter.__mro__[2])
_POSSIBLE = re.compile(r"\s*\(Possible options: (.*)\)$|\s*Did you mean (.*\?)$")

_CLEARLY = 0.1
"""So much more alike is a word that was meant, and not one of several."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    # an inventory is hundreds of thousands of small objects that all stay: looking
    # through them again and again for garbage took a fifth of a large scan
    gc.set_threshold(1_000_000, 50, 100)
    prepare_streams()
    _end_cleanly_on_signals()
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
    except TzmigrateError as error:
        say_error(error)
        return int(error.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        return _cancelled()
    except BrokenPipeError:
        # whoever read our help has seen enough
        silence_stdout()
        return int(ExitStatus.DONE)
    except Exception as error:
        return _our_bug(error)
    return status


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        # not command.main(): it answers Ctrl-C itself
        with command.make_context("tzmigrate", arguments) as context:
            return int(command.invoke(context) or ExitStatus.DONE)
    except typer.Exit as end:
        return int(end.exit_code)
    except _ArgumentError as error:
        if not arguments:
            typer.echo(str(error), err=True)
            return int(ExitStatus.USAGE)
        raise _usage(error) from error


def _usage(error: Exception) -> UsageError:
    """Say what is wrong with the arguments as we say everything else."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tzmigrate"
    text = str(getattr(error, "format_message", error.__str__)()).strip()
    text = text.replace("Value error, ", "")
    hint = f"See '{path} --help'."
    if match := _POSSIBLE.search(text):
        text = text[: match.start()]
        near = _nearest(text, match[1] or match[2].rstrip("?"))
        hint = f"Did you mean {near}? {hint}"
    elif path == "tzmigrate" and text.startswith("No such option"):
        hint = f"Options stand after the command's name. {hint}"
    message = text[:1].lower() + text[1:].rstrip(".")
    return UsageError("TZ280", message, hint=hint)


def _nearest(text: str, listed: str) -> str:
    """Keep the one of the parser's proposals that is clearly nearer than the others."""
    wanted = text.rsplit(maxsplit=1)[-1].strip("'.")
    ranked = sorted(
        (difflib.SequenceMatcher(None, wanted, each.strip("'")).ratio(), each)
        for each in listed.split(", ")
    )
    clear = len(ranked) == 1 or ranked[-1][0] - ranked[-2][0] > _CLEARLY
    return ranked[-1][1] if clear else listed


def _cancelled() -> int:
    error = Unavailable(
        "TZ590",
        "cancelled",
        detail="Each step is one transaction: what had not committed was rolled back, "
        "and nothing is half done.",
        hint="Run 'tzmigrate status' to see where things stand, then the same command "
        "again.",
    )
    say_error(error)
    return int(error.exit_status)


def _our_bug(error: Exception) -> int:
    say(f"error: this is a bug in tzmigrate: {type(error).__name__}")
    for line in str(error).splitlines()[:5]:
        say(f"detail: {line}")
    verbose = ROOT.isEnabledFor(logging.INFO)
    if verbose:
        told = "".join(traceback.format_exception(error))
        for line in told.splitlines():
            say(line)
    more = "" if verbose else " Run it again with -v and add what it prints."
    say(
        f"hint: Please report it, with the command and this line: tzmigrate "
        f"{__version__}, Python {platform.python_version()}, {platform.system()}.{more}"
    )
    return int(ExitStatus.BUG)


def _end_cleanly_on_signals() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C: connections and servers are closed."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt
