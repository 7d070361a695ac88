"""Find out which database is meant, and write it as libpq reads it.

People have URLs of SQLAlchemy, asyncpg, Heroku, Prisma, JDBC and libpq. One form
comes out: libpq's. No message repeats a URL, because it may hold a password.
"""

import configparser
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from tzmigrate.config.model import Config
from tzmigrate.errors import Refused, UsageError

_SCHEME = re.compile(r"(?:jdbc:)?([A-Za-z][\w.-]*)(?:\+[\w.-]*)?:(.*)", re.DOTALL)
_DIALECTS = {"postgres", "postgresql", "postgis"}
_PLACEHOLDER = "driver"

# hosts and database names hold no "@"; a password may, and people forget to escape
_HOSTS = r"(?P<hosts>(?:\[[^\]/?@]*\]|[^@/?:\[\]]*)(?::\d*)?(?:,[^@/?]*)?)"
_REST = r"(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?"
_STRICT = re.compile(
    rf"//(?:(?P<user>[^:@/?]*)(?::(?P<password>[^/?]*?))?@)?{_HOSTS}{_REST}", re.DOTALL
)
_LENIENT = re.compile(
    rf"//(?P<user>[^:@/?]*):(?P<password>.*?)@{_HOSTS}{_REST}", re.DOTALL
)

_SSL_WORDS = {
    **dict.fromkeys(("true", "on", "1", "yes"), "require"),
    **dict.fromkeys(("false", "off", "0", "no"), "disable"),
}
_ALIASES = {
    "ssl": "sslmode",
    "tcpkeepalive": "keepalives",
    "timeout": "connect_timeout",
    "database": "dbname",
    "username": "user",
}
_FOREIGN = {
    # they tune a client library and say nothing about the database that is meant
    *("prepared_statement_cache_size", "statement_cache_size", "command_timeout"),
    *("prepared_statement_name_func", "server_settings", "min_size", "max_size"),
    *("max_cached_statement_lifetime", "async_fallback", "executemany_mode"),
    *("pgbouncer", "connection_limit", "pool_timeout", "pool", "pool_size"),
    *("schema", "currentSchema", "sslaccept", "encoding", "charset", "driver"),
    *("pool_recycle", "max_overflow", "prepareThreshold", "reWriteBatchedInserts"),
    *("binaryTransfer", "stringtype", "ApplicationName", "preparedStatements"),
}
_SECRETS = {"password", "sslpassword", "oauth_client_secret"}
_LIBPQ = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGUSER")
_ADVICE = "Write postgresql://user@host:5432/database; put the password in ~/.pgpass."


@dataclass(frozen=True, slots=True)
class Target:
    """A database to connect to.

    Attributes:
        conninfo: a libpq connection string; empty means libpq's ``PG*``.
        source: where it was found, in words.
        redacted: the same for messages, without password.
        named: somebody said which database, be it by one of libpq's variables.
    """

    conninfo: str = field(repr=False)
    source: str = "--url"
    redacted: str = ""
    named: bool = True


def resolve_url(
    url: str | None,
    *,
    config: Config,
    environ: Mapping[str, str],
    alembic_ini: Path | None = None,
    section: str = "alembic",
) -> Target:
    """Find the database that is meant, in this order.

    ``--url``, ``TZMIGRATE_URL``, ``DATABASE_URL``, the configuration file,
    ``alembic.ini`` (read as a file: ``env.py`` never runs), libpq's ``PG*``.

    Args:
        url: the value of ``--url``.
        config: may hold a URL, and where ``alembic.ini`` stands.
        environ: the environment variables.
        alembic_ini: the file that ``--alembic`` names; else the configured one,
            else ``alembic.ini`` of the working directory where it exists.
        section: the one of that file which ``--name`` names, as ``alembic -n``.

    Raises:
        UsageError: a URL that cannot be read, or no such file or section.
        Refused: the URL of another database system.
    """
    if url is not None:
        return parse_url(url, source="--url")
    for variable in ("TZMIGRATE_URL", "DATABASE_URL"):
        if environ.get(variable):
            return parse_url(environ[variable], source=variable)
    if config.url:
        return parse_url(config.url, source=str(config.path or "the configuration"))
    ini = alembic_ini or config.alembic.ini
    if ini is None and Path("alembic.ini").is_file():
        ini = Path("alembic.ini")
    if ini is not None and (ini.is_file() or alembic_ini is not None):
        found = _alembic_url(ini, section)
        if found:
            where = str(ini) if section == "alembic" else f"[{section}] in {ini}"
            return parse_url(found, source=f"sqlalchemy.url of {where}")
    return Target(
        "",
        "libpq's defaults and PG* variables",
        "the default database",
        named=any(environ.get(variable) for variable in _LIBPQ),
    )


def resolve_shadow_url(
    url: str | None, *, config: Config, environ: Mapping[str, str]
) -> Target | None:
    """Find the server that the user names for the shadow.

    ``--shadow-url``, ``TZMIGRATE_SHADOW_URL``, the configuration file.

    Returns:
        The server, or ``None`` where nobody names one.

    Raises:
        UsageError: a URL that cannot be read.
        Refused: the URL of another database system.
    """
    if url is not None:
        return parse_url(url, source="--shadow-url")
    if found := environ.get("TZMIGRATE_SHADOW_URL"):
        return parse_url(found, source="TZMIGRATE_SHADOW_URL")
    if config.shadow.url:
        return parse_url(config.shadow.url, source=f"[shadow] of {config.path}")
    return None


def parse_url(url: str, *, source: str = "--url") -> Target:
    """Read a URL, or libpq's ``key=value`` string.

    >>> parse_url("postgresql+asyncpg://ann:pw@db/app?ssl=require").redacted
    'postgresql://ann@db/app?sslmode=require'

    Raises:
        UsageError: it cannot be read.
        Refused: it is the URL of another database system.
    """
    text = url.strip()
    scheme = _SCHEME.fullmatch(text)
    if scheme and (scheme[2].startswith("//") or "=" not in scheme[1]):
        if scheme[1].lower() not in _DIALECTS:
            raise Refused(
                "TZ611",
                f"{_shown(scheme[1])} is not PostgreSQL",
                detail=f"The URL comes from {source}.",
                hint="Give the URL of a PostgreSQL database with --url.",
            )
        parts = _from_url(scheme[2], source)
    else:
        parts = _from_pairs(text, source)
    try:
        conninfo = make_conninfo("", **parts)
    except psycopg.ProgrammingError:
        # from None: libpq's words may repeat what was wrongly taken for a key
        raise _unreadable(source, "A parameter has a value it cannot have.") from None
    return Target(conninfo, source, _redacted(parts))


def sqlalchemy_url(target: Target, driver: str = "psycopg") -> str:
    """Write a target as a URL for ``sqlalchemy.create_engine``, with its password."""
    return _as_url(conninfo_to_dict(target.conninfo), f"postgresql+{driver}")


def _from_url(rest: str, source: str) -> dict[str, str]:
    match = _STRICT.fullmatch(rest) or _LENIENT.fullmatch(rest)
    if match is None:
        raise _unreadable(source, "It has not the form of a URL.")
    if not match["user"] and "@" in (match["dbname"] or ""):
        raise _unreadable(source, "Write the '@' or '/' of a password as %40 or %2F.")
    hosts, ports = _split_hosts((match["hosts"] or "").split(","))
    parts: dict[str, str] = {}
    for key in ("user", "password", "dbname"):
        if match[key]:
            parts[key] = unquote(match[key])
    more: list[str] = []
    for pair in filter(None, (match["query"] or "").split("&")):
        raw, equals, value = pair.partition("=")
        if not equals:
            raise _unreadable(source, "A parameter after '?' has no value.")
        if raw == "host":
            more += unquote(value).split(",") if value else []
            continue
        parts |= _parameter(unquote(raw), unquote(value), source)
    if more:
        hosts, ports = _split_hosts(more)
    if any(hosts):
        parts["host"] = ",".join(hosts)
    if any(ports):
        parts.setdefault("port", ",".join(ports))
    return parts


def _split_hosts(hosts: list[str]) -> tuple[list[str], list[str]]:
    """Separate hosts from ports, several of them where libpq tries one by one."""
    names: list[str] = []
    ports: list[str] = []
    for host in map(unquote, hosts):
        if host.startswith("/"):
            # a socket's directory; some drivers want the socket itself
            folder, _, port = host.partition("/.s.PGSQL.")
            names.append(folder)
            ports.append(port)
            continue
        match = re.fullmatch(r"\[(.*)\](?::(\d*))?|([^:]*)(?::(\d*))?", host)
        if match is None:
            names.append(host)
            ports.append("")
            continue
        names.append(match[1] or match[3] or "")
        ports.append(match[2] or match[4] or "")
    return names, ports


def _parameter(name: str, value: str, source: str) -> dict[str, str]:
    if name in _FOREIGN:
        return {}
    if name == "unix_sock":
        return {"host": value.rpartition("/.s.PGSQL.")[0] or value}
    key = _ALIASES.get(name, name)
    if key not in _keywords():
        near = difflib.get_close_matches(key, sorted(_keywords()), n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "Take it out of the URL."
        raise UsageError(
            "TZ211",
            f"the URL from {source} has an unknown parameter {_shown(name)!r}",
            hint=advice,
        )
    if key == "sslmode":
        value = _SSL_WORDS.get(value.lower(), value)
    return {key: value}


def _keywords() -> set[str]:
    return {option.keyword.decode() for option in Conninfo.get_defaults()}


def _from_pairs(text: str, source: str) -> dict[str, str]:
    try:
        pairs = conninfo_to_dict(text) if "=" in text else {}
    except psycopg.ProgrammingError:
        pairs = {}
    if not pairs:
        # from None above: libpq's words repeat parts of the string
        raise _unreadable(source, "It is neither a URL nor libpq's key=value pairs.")
    return {key: str(value) for key, value in pairs.items()}


def _unreadable(source: str, detail: str) -> UsageError:
    return UsageError(
        "TZ211", f"the URL from {source} cannot be read", detail=detail, hint=_ADVICE
    )


def _redacted(parts: Mapping[str, str]) -> str:
    public = {key: value for key, value in parts.items() if key not in _SECRETS}
    return _as_url(public, "postgresql") if public else "the default database"


def _as_url(given: Mapping[str, object], scheme: str) -> str:
    parts = {key: str(value) for key, value in given.items() if value is not None}
    who = quote(parts.pop("user", ""), safe="")
    if password := parts.pop("password", ""):
        who += ":" + quote(password, safe="")
    host, port = parts.get("host", ""), parts.get("port", "")
    where = ""
    if host and not host.startswith("/") and "," not in host + port:
        where = f"[{host}]" if ":" in host else quote(host, safe="")
        where += f":{port}" if port else ""
        del parts["host"]
        parts.pop("port", None)
    at = f"{who}@" if who else ""
    name = quote(parts.pop("dbname", ""), safe="")
    query = "?" + urlencode(parts, quote_via=quote, safe="/,") if parts else ""
    return f"{scheme}://{at}{where}/{name}{query}"


def _alembic_url(path: Path, section: str) -> str | None:
    """Read ``sqlalchemy.url`` as Alembic does, without running anything."""
    here = str(path.absolute().parent)
    parser = configparser.ConfigParser({"here": here.replace("%", "%%")})
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
        url = parser.get(section, "sqlalchemy.url", fallback=None)
    except configparser.InterpolationError as exc:
        raise UsageError(
            "TZ212",
            f"sqlalchemy.url of {path} needs a value that the file does not have",
            detail="Its env.py fills it in, and env.py is never run for this.",
            hint="Give the database with --url or TZMIGRATE_URL.",
        ) from exc
    except (OSError, UnicodeDecodeError, configparser.Error) as exc:
        raise UsageError(
            "TZ212",
            f"cannot read {path}",
            hint="Correct the file, or give the database with --url or TZMIGRATE_URL.",
        ) from exc
    if section != "alembic" and not parser.has_section(section):
        raise UsageError(
            "TZ231",
            f"{path} has no section [{section}]",
            hint="Name a section of the file with --name, or leave --name out for"
            " [alembic].",
        )
    if not url or url.startswith(f"{_PLACEHOLDER}://"):
        # "alembic init" leaves driver://user:pass@localhost/dbname
        return None
    return url


def _shown(text: str) -> str:
    """Make text from outside safe for a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:60])
