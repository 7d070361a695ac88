"""Plan → Alembic revisions: the user's Alembic directory, read and written."""
