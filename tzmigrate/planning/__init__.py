"""The fourth room: verdicts become a plan."""
