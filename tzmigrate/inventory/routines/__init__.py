"""Function bodies, read: where they write or read naive time in columns.

PL/pgSQL leaves no trace in ``pg_depend``, so its text is parsed: ``lexer`` and
``expressions`` read SQL as PostgreSQL does, ``queries`` and ``plpgsql`` its
statements, ``analysis`` follows the types and names the places. Text goes in, places
come out; nothing here knows a server.
"""
