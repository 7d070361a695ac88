"""The team's own way to Alembic."""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

here = Path(__file__).parent
config = Config()
config.set_main_option("script_location", str(here / "migrations"))
config.set_main_option("prepend_sys_path", str(here))
config.set_main_option("sqlalchemy.url", os.environ["DATABASE_URL"])
getattr(command, sys.argv[1])(config, *sys.argv[2:])
