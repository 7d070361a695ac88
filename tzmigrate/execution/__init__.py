"""Plan → Outcome: preflight, the project's Alembic, the ledger, one step at a time."""
