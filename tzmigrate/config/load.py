"""Find the configuration file, read it, and say exactly what is wrong with it."""

import difflib
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from tzmigrate.config.durations import milliseconds
from tzmigrate.config.model import (
    CODE,
    Alembic,
    Backups,
    Config,
    Domains,
    Gap,
    Overlap,
    Policy,
    Precision,
    ProofLevel,
    ScanFilter,
    ShadowServer,
    Sql,
    SqlStyle,
    Using,
    Views,
)
from tzmigrate.config.zones import read_zones
from tzmigrate.errors import UsageError

FILE = "tzmigrate.toml"
_PROJECT = "pyproject.toml"
_DEADLOCK_TIMEOUT_MS = 1000
_NOT_YET: dict[tuple[str, ...], str] = {
    ("policy", "gap"): " Of these, 'shift' is not available yet.",
    ("policy", "overlap"): " Of these, 'earlier' and 'by-key' are not available yet.",
}
_LINE = re.compile(r"\(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read, to point at a place in it.

    Attributes:
        prefix: the tables above ours: ``("tool", "tzmigrate")`` or nothing.
    """

    path: Path
    text: str
    prefix: tuple[str, ...] = ()

    def place(self, *keys: str) -> str:
        """Return ``file:line`` of a key, or the file where the line is not found."""
        wanted = (*self.prefix, *keys)
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), start=1):
            if header := re.match(r"\s*\[+([^\]]+)\]", line):
                table = _keys(header[1])
                found = table
            elif assignment := re.match(
                r"""\s*((?:"[^"]*"|'[^']*'|[^=#"'])+)=""", line
            ):
                found = (*table, *_keys(assignment[1]))
            else:
                continue
            if found[: len(wanted)] == wanted:
                return f"{self.path}:{number}"
        return str(self.path)


def read_config(file: Path | None = None, *, directory: Path | None = None) -> Config:
    """Read the file that ``--config`` names, or the one that is found.

    Raises:
        UsageError: see ``tzmigrate.config.load_config``.
    """
    if file is not None:
        source, document = _read(file)
        if file.name == _PROJECT:
            return _from_project(source, document) or Config(path=file.absolute())
        return _build(source, document)
    start = (directory or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (path := folder / FILE).is_file():
            return _build(*_read(path))
        if (path := folder / _PROJECT).is_file():
            config = _from_project(*_read(path))
            if config is not None:
                return config
        if (folder / ".git").exists():
            break
    return Config()


def _read(path: Path) -> tuple[Source, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            "TZ201",
            f"cannot read {path}",
            detail=f"The reason: {reason}.",
            hint="Save the file as UTF-8."
            if isinstance(exc, UnicodeDecodeError)
            else "Check the file's path and permissions.",
        ) from exc
    try:
        return Source(path.absolute(), text), tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        words = str(exc)
        line = _LINE.search(words)
        where = f"{path}:{line[1]}" if line else str(path)
        raise UsageError(
            "TZ202",
            f"{where}: not valid TOML",
            detail=f"{words}.",
            hint="Correct that line; https://toml.io shows the syntax.",
        ) from exc


def _from_project(source: Source, document: dict[str, Any]) -> Config | None:
    ours = document.get("tool", {}).get("tzmigrate")
    if not isinstance(ours, dict):
        return None
    return _build(Source(source.path, source.text, ("tool", "tzmigrate")), ours)


def _duration(text: str) -> str:
    try:
        milliseconds(text)
    except UsageError as exc:
        hint = f"{exc.hint[:1].lower()}{exc.hint[1:]}".removesuffix(".")
        raise ValueError(f"{exc.message}: {hint}") from exc
    return text


def _patient(text: str) -> str:
    if milliseconds(text) <= _DEADLOCK_TIMEOUT_MS:
        raise ValueError(
            f"{text!r} is not above deadlock_timeout (1s), and an autovacuum on the"
            " table would never give way"
        )
    return text


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _command(words: object) -> object:
    """Split a command as a shell would; nothing in it is run by one."""
    if isinstance(words, str):
        words = shlex.split(words)
    if isinstance(words, list) and not any("{revision}" in str(w) for w in words):
        raise ValueError("it does not say where the revision goes: write {revision}")
    return words


_Paths = Annotated[tuple[str, ...], BeforeValidator(_listed)]
_Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
_Duration = Annotated[str, AfterValidator(_duration)]
_Code = Annotated[str, Field(pattern=rf"^{CODE.pattern}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Policy(_Table):
    gap: Gap = Gap.REFUSE
    overlap: Overlap | None = None
    max_lock: _Duration = "5s"
    lock_timeout: Annotated[_Duration, AfterValidator(_patient)] = "2s"
    using: Using = Using.AUTO
    proof: ProofLevel = ProofLevel.AUTO
    accept: tuple[_Code, ...] = ()
    rewrite_functions: bool = False
    views: Views = Views.ZONED
    precision: Precision = Precision.KEEP
    domains: Domains = Domains.ZONED


class _Scan(_Table):
    schemas: tuple[str, ...] = Field(default=(), alias="schema")
    table: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class _Alembic(_Table):
    ini: str | None = None
    dir: str | None = None
    version_path: _Paths = ()
    version_table: str | None = None
    upgrade: _Command = ()
    downgrade: _Command = ()

    @model_validator(mode="after")
    def _both_ways(self) -> "_Alembic":
        if bool(self.upgrade) != bool(self.downgrade):
            raise ValueError(
                "upgrade and downgrade belong together: what can be applied has to be "
                "taken back in the same way"
            )
        return self


class _Sql(_Table):
    dir: str | None = None
    style: SqlStyle | None = None


class _Shadow(_Table):
    url: str | None = None


class _Backup(_Table):
    dir: str | None = None
    encrypt_to: Annotated[str, Field(min_length=1)] | None = None
    identity: str | None = None


class _Document(_Table):
    url: str | None = None
    zones: dict[str, Any] = Field(default_factory=dict)
    policy: _Policy = Field(default_factory=_Policy)
    scan: _Scan = Field(default_factory=_Scan)
    alembic: _Alembic = Field(default_factory=_Alembic)
    sql: _Sql = Field(default_factory=_Sql)
    shadow: _Shadow = Field(default_factory=_Shadow)
    backup: _Backup = Field(default_factory=_Backup)


def _build(source: Source, document: Mapping[str, Any]) -> Config:
    prepared = {
        key: {k: _listed(v) for k, v in value.items()}
        if key == "scan" and isinstance(value, dict)
        else value
        for key, value in document.items()
    }
    try:
        read = _Document.model_validate(prepared)
    except ValidationError as exc:
        raise _explained(source, exc) from exc
    rules, default = read_zones(read.zones, source.place)
    home = source.path.parent
    ini, folder = read.alembic.ini, read.alembic.dir
    return Config(
        url=read.url,
        zones=rules,
        default_zone=default,
        default_source=source.place("zones", "default") if default else "",
        policy=Policy(**dict(read.policy)),
        scan=ScanFilter(
            schema=read.scan.schemas, table=read.scan.table, exclude=read.scan.exclude
        ),
        alembic=Alembic(
            ini=home / ini if ini else None,
            dir=home / folder if folder else None,
            version_path=tuple(home / path for path in read.alembic.version_path),
            version_table=read.alembic.version_table,
            upgrade=read.alembic.upgrade,
            downgrade=read.alembic.downgrade,
        ),
        alembic_source=source.place("alembic", "dir" if folder else "ini")
        if ini or folder
        else "",
        sql=Sql(
            dir=home / read.sql.dir if read.sql.dir else None, style=read.sql.style
        ),
        sql_source=source.place("sql", "dir") if read.sql.dir else "",
        shadow=ShadowServer(url=read.shadow.url),
        backup=Backups(
            dir=home / read.backup.dir if read.backup.dir else None,
            encrypt_to=read.backup.encrypt_to,
            identity=home / read.backup.identity if read.backup.identity else None,
        ),
        path=source.path,
    )


def _explained(source: Source, error: ValidationError) -> UsageError:
    problem = error.errors(include_url=False, include_context=False)[0]
    keys = tuple(str(key) for key in problem["loc"] if not isinstance(key, int))
    where, name = source.place(*keys), ".".join(keys)
    if problem["type"] == "extra_forbidden":
        return unknown_key(where, keys, _valid_keys(keys[:-1]))
    # the value itself may be a secret: only keys that cannot hold one are shown
    words = (
        problem["msg"]
        .removeprefix("Value error, ")
        .replace("Input should", "it should")
        .replace("be a valid tuple", "be a list")
    )
    later = _NOT_YET.get(keys, "") if problem["type"] == "enum" else ""
    return UsageError(
        "TZ204",
        f"{where}: {name} has a value that it cannot have",
        detail=f"{words[:1].upper()}{words[1:]}.{later}",
        hint="Correct the value; docs/reference/configuration.md lists them all.",
    )


def unknown_key(where: str, keys: tuple[str, ...], valid: Iterable[str]) -> UsageError:
    """Build the error for a key that does not exist, naming the nearest that does."""
    known = sorted(valid)
    near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return UsageError(
        "TZ203",
        f"{where}: unknown key {'.'.join(keys)}",
        hint=f"{hint}Valid here: {', '.join(known)}.",
    )


def _valid_keys(table: tuple[str, ...]) -> list[str]:
    models: dict[tuple[str, ...], type[BaseModel]] = {
        (): _Document,
        ("policy",): _Policy,
        ("scan",): _Scan,
        ("alembic",): _Alembic,
        ("sql",): _Sql,
        ("shadow",): _Shadow,
        ("backup",): _Backup,
    }
    fields = models[table].model_fields
    return [field.alias or name for name, field in fields.items()]


def _keys(text: str) -> tuple[str, ...]:
    """Split a TOML key at its dots, outside quotes."""
    found = re.findall(r""""([^"]*)"|'([^']*)'|([^.\s"']+)""", text)
    return tuple(next((part for part in parts if part), "") for parts in found)
