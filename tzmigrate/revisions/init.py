"""Make an Alembic environment where a project has none."""

import io
import os
import re
import shutil
from argparse import Namespace
from contextlib import redirect_stdout
from importlib import resources
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from tzmigrate.errors import UsageError

_URL: Final = """\
# database URL: given by TZMIGRATE_URL or DATABASE_URL, so that no password stands in
# a file; env.py uses the one below where neither is set
# sqlalchemy.url =
"""


def init_environment(directory: Path, ini: Path) -> None:
    """Make ``directory`` and ``ini`` from Alembic's generic template.

    Its ``env.py`` is replaced by one that takes the database's URL from the
    environment, and that leaves the ledger out of autogenerate.

    Raises:
        UsageError: one of them exists; nothing is overwritten.
    """
    if ini.exists():
        raise _exists(ini)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise _exists(directory)
    made = not directory.exists()
    config = Config(file_=str(ini), cmd_opts=Namespace(quiet=True))
    try:
        ini.parent.mkdir(parents=True, exist_ok=True)
        with redirect_stdout(io.StringIO()):
            command.init(config, str(directory), template="generic")
        env = resources.files("tzmigrate.revisions") / "initial_env.py.txt"
        (directory / "env.py").write_bytes(env.read_bytes())
        ini.write_text(
            _without_url(ini.read_text(encoding="utf-8"), directory, ini),
            encoding="utf-8",
        )
    except (OSError, CommandError) as error:
        ini.unlink(missing_ok=True)
        if made:
            shutil.rmtree(directory, ignore_errors=True)
        raise UsageError(
            "TZ233",
            f"cannot make an Alembic environment in {directory}",
            detail=f"{error}.",
            hint="Choose a directory that you may write to with --alembic-dir.",
        ) from error


def _without_url(text: str, directory: Path, ini: Path) -> str:
    """Take the placeholder for a password out, and make the location relative."""
    relative = Path(os.path.relpath(directory, ini.parent)).as_posix()
    location = f"script_location = %(here)s/{relative.replace('%', '%%')}"
    text = re.sub(r"(?m)^script_location\s*=.*$", lambda _: location, text, count=1)
    pattern = r"(?m)(^# database URL\..*\n(?:#.*\n)*)?^sqlalchemy\.url\s*=.*\n?"
    return re.sub(pattern, lambda _: _URL, text, count=1)


def _exists(path: Path) -> UsageError:
    return UsageError(
        "TZ233",
        f"{path} exists already",
        hint="Leave --init away to use it, or choose other places with --alembic and"
        " --alembic-dir.",
    )
