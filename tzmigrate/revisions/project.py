"""Where a project keeps its revisions, and by which conventions it writes them.

Only settings are read here: neither ``env.py`` nor a revision nor the application's
packages are imported, and ``sys.path`` stays as it is.
"""

import configparser
import importlib.machinery
import os
import sys
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tzmigrate.errors import UsageError
from tzmigrate.revisions.init import init_environment

_T = TypeVar("_T")

_WHERE: Final = (
    "Run it in the project's directory, or name the configuration with --alembic or the"
    " directory with --alembic-dir; 'tzmigrate plan --init' makes both for a project"
    " that has none."
)
_NO_ALEMBIC: Final = (
    f"{_WHERE} Without Alembic, name the directory of SQL scripts with --sql, or as dir"
    " under [sql] in tzmigrate.toml."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicProject:
    """The user's Alembic set-up.

    Attributes:
        ini: ``alembic.ini``, where there is one.
        toml: ``pyproject.toml`` with a ``[tool.alembic]`` table, where there is one.
        section: the ini's section, ``alembic`` unless ``alembic -n`` is used.
        root: the working directory that the project's relative paths expect.
        directory: holds ``env.py`` and ``script.py.mako``.
        overridden: the directory was given by the user, not by the configuration.
        version_locations: where revisions are; need not exist yet.
        told: those were completed by the user, not read from the configuration alone.
    """

    ini: Path | None
    toml: Path | None
    section: str
    root: Path
    directory: Path
    overridden: bool
    version_locations: tuple[Path, ...]
    told: bool
    recursive_version_locations: bool
    sourceless: bool
    file_template: str
    truncate_slug_length: int | None
    timezone: str | None
    output_encoding: str
    prepend_sys_path: tuple[Path, ...]
    hooks: tuple[Mapping[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def open(
        cls,
        ini: Path | None = None,
        *,
        directory: Path | None = None,
        section: str = "alembic",
        version_paths: Sequence[Path] = (),
        source: str = "",
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> "AlembicProject":
        """Find and read a project's Alembic settings.

        Args:
            ini: ``alembic.ini`` or ``pyproject.toml``; by default those that
                ``alembic`` itself would read in the working directory.
            directory: the directory with ``env.py``, instead of ``script_location``.
            section: the ini's section, as ``alembic -n`` takes it.
            version_paths: directories of revisions, where ``env.py`` or the application
                sets some that the configuration does not name.
            source: where ``ini`` and ``directory`` were read, for messages.
            cwd: the working directory, by default the process's.
            environ: where ``ALEMBIC_CONFIG`` is looked up.

        Raises:
            UsageError: there is no such file or directory, or it cannot be read.
        """
        cwd = (cwd or Path.cwd()).absolute()
        environ = os.environ if environ is None else environ
        if directory is not None:
            directory = cwd / directory
            if not directory.is_dir():
                raise _missing_directory(directory, _written(source))
        ini_file, toml_file = _configuration_files(
            ini, directory, cwd, environ, _written(source)
        )
        if ini_file is None and toml_file is None and directory is None:
            raise UsageError(
                "TZ230", f"there is no alembic.ini in {cwd}", hint=_NO_ALEMBIC
            )
        found = _read(ini_file, toml_file, directory, section=section, cwd=cwd)
        return found.knowing(version_paths)

    def knowing(self, version_paths: Sequence[Path]) -> "AlembicProject":
        """Return the project with further directories of revisions.

        Raises:
            UsageError: there is no such directory.
        """
        known = {path.resolve() for path in self.version_locations}
        more = []
        for given in version_paths:
            path = self.root / given
            if path.resolve() in known:
                continue
            if not path.is_dir():
                raise UsageError(
                    "TZ238",
                    f"there is no directory of revisions {path}",
                    detail=f"{self._listed()}.",
                    hint="Name one that exists with --version-path: one of these, or "
                    "one that env.py or the application sets.",
                )
            more.append(path)
        if not more:
            return self
        # one that was never made holds nothing that could follow
        own = tuple(path for path in self.version_locations if path.is_dir())
        return replace(self, version_locations=(*own, *more), told=True)

    def _listed(self) -> str:
        paths = ", ".join(str(path) for path in self.version_locations)
        return f"Version locations of the configuration: {paths}"

    def require_env(self) -> None:
        """Refuse a directory that no Alembic command can use.

        Raises:
            UsageError: it holds no ``env.py``.
        """
        if not (self.directory / "env.py").is_file():
            raise UsageError(
                "TZ232",
                f"{self.directory} is no Alembic directory: it holds no env.py",
                hint=_WHERE,
            )

    @classmethod
    def init(
        cls, directory: Path, ini: Path, *, cwd: Path | None = None
    ) -> "AlembicProject":
        """Make an Alembic environment and read it.

        Raises:
            UsageError: something stands there already; nothing is overwritten.
        """
        cwd = (cwd or Path.cwd()).absolute()
        init_environment(cwd / directory, cwd / ini)
        return cls.open(cwd / ini, cwd=cwd)

    def config(self) -> Config:
        """Return the configuration as Alembic reads it."""
        return _config(
            self.ini,
            self.toml,
            self.section,
            self.directory if self.overridden else None,
        )

    def scripts(self) -> ScriptDirectory:
        """Return Alembic's own view of the directory; no revision is loaded by it."""
        return ScriptDirectory(
            str(self.directory),
            file_template=self.file_template,
            truncate_slug_length=self.truncate_slug_length,
            version_locations=[str(path) for path in self.version_locations],
            sourceless=self.sourceless,
            output_encoding=self.output_encoding,
            timezone=self.timezone,
            recursive_version_locations=self.recursive_version_locations,
            messaging_opts={"quiet": True},
        )

    @property
    def url(self) -> str | None:
        """The configuration's ``sqlalchemy.url``, unless it is Alembic's placeholder.

        Raises:
            UsageError: it cannot be interpolated.
        """
        try:
            value = self.config().get_alembic_option("sqlalchemy.url")
        except (configparser.Error, ValueError, KeyError) as error:
            raise UsageError(
                "TZ243",
                f"cannot read sqlalchemy.url in {self.ini or self.toml}",
                # The error's own text quotes the value, and so its password.
                detail=f"{type(error).__name__} was raised for its percent signs.",
                hint="Write each % of the URL as %%, or give the URL with --url.",
            ) from None
        if not isinstance(value, str) or not value or value.startswith("driver://"):
            return None
        return value


def _configuration_files(
    given: Path | None,
    directory: Path | None,
    cwd: Path,
    environ: Mapping[str, str],
    written: str,
) -> tuple[Path | None, Path | None]:
    """Return the ini and the TOML file that hold, by the rules of ``alembic -c``."""
    named = given or (
        Path(environ["ALEMBIC_CONFIG"]) if environ.get("ALEMBIC_CONFIG") else None
    )
    if named is not None:
        path = cwd / named
        if not path.is_file():
            raise UsageError(
                "TZ230",
                f"there is no Alembic configuration {path}",
                detail=written if given else "ALEMBIC_CONFIG names it.",
                hint=_WHERE,
            )
        if path.suffix == ".toml":
            beside = path.parent / "alembic.ini"
            return beside if beside.is_file() else None, path
        return path, _toml_with_alembic(cwd)
    places = [cwd] if directory is None else [cwd, directory.parent, directory]
    for place in places:
        ini = place / "alembic.ini"
        toml = _toml_with_alembic(place)
        if not ini.is_file() and toml is None:
            continue
        if directory is not None and not _names(ini, toml, directory, place):
            continue
        return ini if ini.is_file() else None, toml
    return None, None


def _names(ini: Path, toml: Path | None, directory: Path, cwd: Path) -> bool:
    """Tell whether a configuration is the one of a directory."""
    try:
        found = _read(ini if ini.is_file() else None, toml, None, "alembic", cwd)
    except UsageError:
        return False
    return found.directory.resolve() == directory.resolve()


def _toml_with_alembic(place: Path) -> Path | None:
    path = place / "pyproject.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    tool = data.get("tool", {})
    return path if isinstance(tool, dict) and "alembic" in tool else None


def _config(
    ini: Path | None, toml: Path | None, section: str, directory: Path | None
) -> Config:
    config = Config(
        file_=str(ini) if ini else None,
        toml_file=str(toml) if toml else None,
        ini_section=section,
    )
    if directory is not None:
        # ConfigParser interpolates what it is given.
        config.set_main_option("script_location", str(directory).replace("%", "%%"))
    return config


def _read(
    ini: Path | None,
    toml: Path | None,
    directory: Path | None,
    section: str,
    cwd: Path,
) -> AlembicProject:
    source = ini or toml or directory
    config = _config(ini, toml, section, directory)

    def option(read: Callable[[], _T]) -> _T:
        with warnings.catch_warnings():
            # Old separators are the project's affair; Alembic tells it when it runs.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                return read()
            except (
                configparser.Error,
                CommandError,
                ValueError,
                KeyError,
                TypeError,
                OSError,
            ) as error:
                raise UsageError(
                    "TZ231",
                    f"cannot read {source}",
                    detail=f"{' '.join(str(error).split())}.",
                    hint="Correct it until 'alembic heads' accepts it, or name another"
                    " configuration with --alembic.",
                ) from error

    def text(name: str) -> str | None:
        value = option(lambda: config.get_alembic_option(name))
        return None if value is None else str(value)

    option(lambda: config.file_config)
    location = text("script_location")
    if not location and ini and not config.file_config.has_section(section):
        raise UsageError(
            "TZ231",
            f"{ini} has no section [{section}]",
            hint="Name a section of the file with --name, or leave --name out for"
            " [alembic].",
        )
    if not location:
        raise UsageError(
            "TZ231",
            f"{source} has no script_location",
            detail=f"It is looked for in section [{section}].",
            hint="Name the section's file with --alembic, or the directory with"
            " --alembic-dir.",
        )
    prepend = option(config.get_prepend_sys_paths_list) or []
    here = ini.parent if ini else toml.parent if toml else cwd
    # Alembic takes relative paths from its working directory. A configuration that
    # is named from elsewhere was written for the directory where it stands.
    relative = not Path(location).is_absolute() and ":" not in location
    root = here if relative and not (cwd / location).is_dir() else cwd
    search = tuple(dict.fromkeys([*(root / item for item in prepend), root, here]))
    found = _locate(location, root, search)
    if not found.is_dir():
        raise _missing_directory(found)
    length = text("truncate_slug_length")
    versions = option(config.get_version_locations_list)
    return AlembicProject(
        ini=ini,
        toml=toml,
        section=section,
        root=root,
        directory=found,
        overridden=directory is not None,
        told=False,
        version_locations=tuple(_locate(item, root, search) for item in versions)
        if versions
        else (found / "versions",),
        recursive_version_locations=option(
            lambda: config.get_alembic_boolean_option("recursive_version_locations")
        ),
        sourceless=option(lambda: config.get_alembic_boolean_option("sourceless")),
        file_template=text("file_template") or "%(rev)s_%(slug)s",
        truncate_slug_length=option(lambda: int(length)) if length else None,
        timezone=text("timezone") or None,
        output_encoding=text("output_encoding") or "utf-8",
        prepend_sys_path=tuple(root / item for item in prepend),
        hooks=tuple(option(config.get_hooks_list)),
    )


def _locate(text: str, root: Path, search: tuple[Path, ...]) -> Path:
    """Resolve a path, or Alembic's ``package:path`` without importing the package."""
    if Path(text).is_absolute() or ":" not in text:
        return Path(os.path.normpath(root / text))
    package, *rest = text.split(":")
    parts = package.split(".")
    for place in search:
        for base in (place, place / "src"):
            if base.joinpath(*parts).is_dir():
                return base.joinpath(*parts, *rest)
    spec = importlib.machinery.PathFinder.find_spec(parts[0], sys.path)
    for installed in (spec.submodule_search_locations or ()) if spec else ():
        if Path(installed).joinpath(*parts[1:]).is_dir():
            return Path(installed).joinpath(*parts[1:], *rest)
    raise UsageError(
        "TZ232",
        f"cannot find package {package} of {text!r}",
        hint="Name the directory itself with --alembic-dir.",
    )


def _missing_directory(directory: Path, detail: str = "") -> UsageError:
    return UsageError(
        "TZ232",
        f"there is no Alembic directory {directory}",
        detail=detail,
        hint=_WHERE,
    )


def _written(source: str) -> str:
    return f"It is named in {source}." if source else ""
