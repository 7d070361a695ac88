"""Plan → Outcome: preflight, what runs revisions, the ledger, one step at a time."""
