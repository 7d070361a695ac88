"""What each verb does: call the command, write its result, say how it ended."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from rich.console import Console

from tzmigrate import commands
from tzmigrate.cli import exits
from tzmigrate.cli.options import Beforehand, Choice, Common, Format, Project
from tzmigrate.cli.stderr import Dialogue, bar, listen, say
from tzmigrate.cli.stdout import destination
from tzmigrate.errors import ExitStatus, NotProved, Unavailable, UsageError
from tzmigrate.reporting.console import Result, make_console, page_of
from tzmigrate.reporting.page import printed
from tzmigrate.verification.model import Proof

_R = TypeVar("_R", bound=Result)


def scan(
    common: Common, choice: Choice, project: Project, *, evidence: bool
) -> ExitStatus:
    """Show the inventory."""
    return report(
        common,
        lambda: commands.scan(
            connection_of(common),
            selection=_selection(choice),
            alembic=alembic_of(project),
            evidence=evidence,
        ),
        lambda _: ExitStatus.DONE,
    )


def plan(
    common: Common,
    choice: Choice,
    project: Project,
    *,
    zones: tuple[str, ...],
    accept: tuple[str, ...],
    rewrite_functions: bool,
    unqualified: bool,
    init: bool,
    head: str | None,
    shadow_url: str | None,
    dry_run: bool,
) -> ExitStatus:
    """Show the plan, and what was written."""
    return report(
        common,
        lambda: commands.plan(
            connection_of(common),
            selection=_selection(choice),
            alembic=alembic_of(project),
            sql=sql_of(project),
            zones=zones,
            accept=accept,
            rewrite_functions=rewrite_functions,
            unqualified=unqualified,
            init=init,
            head=head,
            version_path=next(iter(project.version_paths), None),
            shadow_url=shadow_url,
            dry_run=dry_run,
        ),
        exits.of_plan,
    )


def apply(
    common: Common, project: Project, *, yes: bool, dry_run: bool, keeping: Beforehand
) -> ExitStatus:
    """Run what is planned."""
    dialogue = Dialogue(verb="apply", yes=yes, quiet=common.quiet)

    def backup() -> None:
        with bar(quiet=common.quiet) as ticks:
            made = commands.backup_create(
                connection_of(common),
                commands.Keeping(
                    root=keeping.root,
                    bin_dir=keeping.bin_dir,
                    test_restore=keeping.test_restore,
                    identity=keeping.identity,
                ),
                alembic=alembic_of(project),
                sql=sql_of(project),
                ticks=ticks,
                progress=dialogue.progress,
            )
        if made.broken:
            raise NotProved(
                "TZ445",
                f"backup {made.path} is not whole: {made.broken[0].message}",
                detail="Nothing was converted.",
                hint=made.broken[0].hint,
            )

    return report(
        common,
        lambda: unless_declined(
            dialogue,
            commands.apply(
                connection_of(common),
                alembic=alembic_of(project),
                sql=sql_of(project),
                confirm=dialogue.confirm,
                progress=dialogue.progress,
                dry_run=dry_run,
                backup=backup if keeping.wanted else None,
            ),
        ),
        lambda _: ExitStatus.DONE,
    )


def rollback(
    common: Common,
    project: Project,
    *,
    to: str | None,
    everything: bool,
    as_revision: bool,
    accept: tuple[str, ...],
    yes: bool,
    dry_run: bool,
) -> ExitStatus:
    """Take back what was run."""
    if to is not None and everything:
        raise UsageError(
            "TZ283",
            "--to and --all exclude each other",
            hint="Give --to REVISION to keep that one and what is below it, or --all.",
        )
    dialogue = Dialogue(verb="rollback", yes=yes, quiet=common.quiet)
    return report(
        common,
        lambda: unless_declined(
            dialogue,
            commands.rollback(
                connection_of(common),
                alembic=alembic_of(project),
                sql=sql_of(project),
                to=to,
                everything=everything,
                as_revision=as_revision,
                confirm=dialogue.confirm,
                progress=dialogue.progress,
                dry_run=dry_run,
                accept=accept,
            ),
        ),
        lambda _: ExitStatus.DONE,
    )


def verify(
    common: Common,
    project: Project,
    *,
    level: str | None,
    against: Path | None,
    replica_url: str | None,
    old_columns: tuple[str, ...],
    accept: tuple[str, ...],
) -> ExitStatus:
    """Show the proof."""
    return report(
        common,
        lambda: commands.verify(
            connection_of(common),
            alembic=alembic_of(project),
            level=level,
            against=against,
            replica_url=replica_url,
            old_columns=old_columns,
            accept=accept,
        ),
        exits.of_proof,
    )


def adopt(
    common: Common,
    project: Project,
    columns: tuple[str, ...],
    *,
    zones: tuple[str, ...],
    old_columns: tuple[str, ...],
    converted_at: str | None,
    accept: tuple[str, ...],
    yes: bool,
    dry_run: bool,
) -> ExitStatus:
    """Record what somebody converted by hand."""
    dialogue = Dialogue(verb="adopt", yes=yes, quiet=common.quiet)
    return report(
        common,
        lambda: unless_declined(
            dialogue,
            commands.adopt(
                connection_of(common),
                columns,
                alembic=alembic_of(project),
                sql=sql_of(project),
                zones=zones,
                old_columns=old_columns,
                converted_at=converted_at,
                accept=accept,
                confirm=dialogue.confirm,
                progress=dialogue.progress,
                dry_run=dry_run,
            ),
        ),
        exits.of_adoption,
    )


def status(common: Common, project: Project) -> ExitStatus:
    """Show where things stand."""
    return report(
        common,
        lambda: commands.status(
            connection_of(common), alembic=alembic_of(project), sql=sql_of(project)
        ),
        exits.of_status,
    )


def demo(*, verbose: int) -> int:
    """Tell the story."""
    listen(quiet=False, verbose=verbose)
    story = importlib.import_module("tzmigrate.demo")
    run = cast("Callable[[Console], int]", story.run)
    # the story is our own text, with markup; what it quotes it escapes
    return run(Console(file=sys.stdout, emoji=False, highlight=False))


def report(
    common: Common, command: Callable[[], _R], status_of: Callable[[_R], ExitStatus]
) -> ExitStatus:
    """Call a command, write its result, and say how it ended."""
    listen(quiet=common.quiet, verbose=common.verbose)
    with destination(common.output) as write:
        result = command()
        write(_rendered(result, common))
    if common.output is not None and not common.quiet:
        said = f": {result.outcome}" if isinstance(result, Proof) else ""
        say(f"wrote {common.output}{said}")
    return status_of(result)


def _rendered(result: Result, common: Common) -> str:
    match common.format:
        case Format.JSON:
            from tzmigrate.reporting import documents  # noqa: PLC0415  pydantic

            return documents.as_json(documents.document_of(result))
        case Format.MARKDOWN:
            from tzmigrate.reporting import markdown  # noqa: PLC0415  only when used

            return markdown.as_markdown(result)
        case Format.TEXT:
            return _text(result, common)


def _text(result: Result, common: Common) -> str:
    terminal = make_console(sys.stdout)
    styled = terminal.is_terminal and common.output is None
    page = page_of(result, width=terminal.width, everything=common.verbose > 0)
    return printed(page, styled=styled, width=terminal.width)


def unless_declined(dialogue: Dialogue, run: _R) -> _R:
    """End with 5 where the user was asked and said no."""
    if dialogue.declined:
        raise Unavailable(
            "TZ590",
            "cancelled",
            detail="Nothing was done.",
            hint="Run the same command again when you are ready.",
        )
    return run


def connection_of(common: Common) -> commands.Connection:
    """Return where the database is."""
    return commands.Connection(url=common.url, config=common.config)


def _selection(choice: Choice) -> commands.Selection:
    return commands.Selection(
        schemas=choice.schemas, tables=choice.tables, excludes=choice.excludes
    )


def alembic_of(project: Project) -> commands.AlembicOptions:
    """Return where the Alembic project is."""
    return commands.AlembicOptions(
        ini=project.ini,
        directory=project.directory,
        name=project.name,
        x_arguments=project.x_arguments,
        version_paths=project.version_paths,
    )


def sql_of(project: Project) -> commands.SqlOptions:
    """Return where the SQL scripts are."""
    style = project.style
    return commands.SqlOptions(
        directory=project.sql, style=None if style is None else style.value
    )
