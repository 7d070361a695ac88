-- tables: the ledger; no value is kept as a naive timestamp, instants are microseconds since 2000-01-01 UTC
CREATE TABLE IF NOT EXISTS tzmigrate.support (
    version integer PRIMARY KEY,
    schema_created boolean NOT NULL,
    revision text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS tzmigrate.step (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('up', 'down')),
    revision text NOT NULL,
    predecessor text,
    session_zone text NOT NULL,
    gap text NOT NULL,
    overlap text NOT NULL,
    proof text NOT NULL,
    rewrite boolean NOT NULL,
    server_major integer,
    key text[],
    masked boolean NOT NULL DEFAULT false,
    forced_row_security boolean NOT NULL DEFAULT false,
    passed_over boolean NOT NULL DEFAULT false,
    picture_before jsonb,
    file_nodes_before text,
    file_nodes_after text,
    rows_total bigint,
    horizon bigint,
    transaction_ids bigint[],
    system_identifier text,
    database_oid oid,
    database_name name,
    server_version text,
    role_name name,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz
);

CREATE INDEX IF NOT EXISTS step_by_name ON tzmigrate.step (step, id);

CREATE TABLE IF NOT EXISTS tzmigrate.step_column (
    step_id bigint NOT NULL REFERENCES tzmigrate.step ON DELETE CASCADE,
    position integer NOT NULL,
    relation_schema name NOT NULL,
    relation_name name NOT NULL,
    column_name name NOT NULL,
    type_before text NOT NULL,
    type_after text NOT NULL,
    zone text NOT NULL,
    default_before text,
    default_after text,
    values_before bigint,
    fingerprint_before numeric,
    PRIMARY KEY (step_id, position)
);

CREATE TABLE IF NOT EXISTS tzmigrate.sample (
    step_id bigint NOT NULL REFERENCES tzmigrate.step ON DELETE CASCADE,
    key text[] NOT NULL,
    wall bigint[],
    instant bigint[],
    PRIMARY KEY (step_id, key)
);
