"""The team's own way to Alembic."""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

here = Path(__file__).parent
config = Config(here / "alembic.ini")
config.set_main_option(
    "version_locations",
    os.pathsep.join(str(here / "revisions" / name) for name in ("core", "shop")),
)
getattr(command, sys.argv[1])(config, *sys.argv[2:])
