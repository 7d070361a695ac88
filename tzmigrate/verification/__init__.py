"""The third room: a recorded baseline against what the database holds now."""
