"""The only room that opens connections: URLs, sessions, quoting, embedded server."""
