"""Plan → scripts: the team's Alembic directory or SQL files, read and written."""
