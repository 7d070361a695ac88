"""What is said beside the result: events, questions, errors. All of it on stderr."""

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from tzmigrate.errors import DecisionNeeded, TzmigrateError
from tzmigrate.reporting.visible import visible

ROOT = logging.getLogger("tzmigrate")
_IN_URL = re.compile(r"([\w+]+://[^\s:/@]*:)[^\s]*@")
_IN_PAIRS = re.compile(
    r"(?i)(\b\w*(?:password|secret)\w*\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)"
)


def say(text: str) -> None:
    """Print one line, safe for the terminal and without passwords.

    A closed stderr is no reason to stop.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(visible(without_secrets(text)) + "\n")
            sys.stderr.flush()


def say_error(error: TzmigrateError) -> None:
    """Print an error as message, detail and hint."""
    say(f"error {error.code}: {error.message}")
    if error.detail:
        _say_lines("detail: ", error.detail)
    if error.hint:
        _say_lines("hint: ", error.hint)


def _say_lines(lead: str, text: str) -> None:
    """Print lines, all but the first indented: no line can pose as another part."""
    for line in text.splitlines():
        if line.strip():
            say(lead + line.rstrip())
            lead = "  "


def without_secrets(text: str) -> str:
    """Take passwords out of URLs and of libpq's pairs.

    >>> without_secrets("postgresql://ann:p@ss@db/app, password='x y' host=db")
    "postgresql://ann:***@db/app, password=*** host=db"
    """
    return _IN_PAIRS.sub(r"\g<1>***", _IN_URL.sub(r"\g<1>***@", text))


class Dialogue:
    """Shows what will be done, asks, and tells what happens.

    Attributes:
        declined: the user was asked and said no.
    """

    def __init__(self, *, verb: str, yes: bool, quiet: bool) -> None:
        self._verb = verb
        self._yes = yes
        self._quiet = quiet
        self.declined = False

    def confirm(self, lines: Sequence[str]) -> bool:
        """Ask once, with what will be done.

        Raises:
            DecisionNeeded: there is neither ``--yes`` nor a terminal to ask on.
        """
        if not (self._yes and self._quiet):
            for line in lines:
                say(line)
        if self._yes:
            return True
        if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
            raise DecisionNeeded(
                "TZ390",
                f"{self._verb} needs a yes, and there is no terminal to ask on",
                detail="Nothing was done.",
                hint=f"Run it with --yes; tzmigrate {self._verb} --dry-run only shows "
                "what it would do.",
            )
        sys.stderr.write("Go on? [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        self.declined = answer.strip().lower() not in {"y", "yes"}
        return not self.declined

    def progress(self, line: str) -> None:
        """Tell one event."""
        if not self._quiet:
            say(line)


@contextlib.contextmanager
def bar(*, quiet: bool) -> Iterator[Callable[[float, str], None]]:
    """Show how far a dump is, table by table; on a terminal only."""
    if quiet or not _is_terminal(sys.stderr):
        yield lambda _, __: None
        return
    from rich.progress import (  # noqa: PLC0415  --help needs none of it
        BarColumn,
        Progress,
        TextColumn,
    )

    from tzmigrate.reporting.page import make_console  # noqa: PLC0415  see above

    with Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.description}", markup=False),
        console=make_console(sys.stderr),
        transient=True,
    ) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda done, name: shown.update(
            task, completed=done, description=visible(name)
        )


def listen(*, quiet: bool, verbose: int) -> None:
    """Print the log of tzmigrate, as much of it as ``-q`` and ``-v`` say."""
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    ROOT.setLevel(logging.ERROR if quiet else levels[min(verbose, 2)])
    if not any(isinstance(handler, _Stderr) for handler in ROOT.handlers):
        ROOT.addHandler(_Stderr())


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    try:
        return bool(isatty and isatty())
    except ValueError:  # closed
        return False
