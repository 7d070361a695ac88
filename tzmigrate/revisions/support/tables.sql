-- tables: the ledger; no value is kept as a naive timestamp, instants are microseconds since 2000-01-01 UTC
CREATE TABLE IF NOT EXISTS tzmigrate.support (
    version integer PRIMARY KEY,
    schema_created boolean NOT NULL,
    revision text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS tzmigrate.step (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- with the schema of its tenant behind it, where its names were planned without: tz_orders@acme
    step text NOT NULL,
    tenant name,
    -- a step that converts several tables has one row for each of them
    part integer NOT NULL DEFAULT 1,
    relation_schema name,
    relation_name name,
    direction text NOT NULL CHECK (direction IN ('up', 'down')),
    revision text NOT NULL,
    predecessor text,
    session_zone text NOT NULL,
    gap text NOT NULL,
    overlap text NOT NULL,
    proof text NOT NULL DEFAULT 'sample',
    rewrite boolean NOT NULL DEFAULT false,
    server_major integer,
    key text[],
    -- which table and which key they were, as names may come to mean others
    relation_oid oid,
    key_identity text,
    masked boolean NOT NULL DEFAULT false,
    forced_row_security boolean NOT NULL DEFAULT false,
    passed_over boolean NOT NULL DEFAULT false,
    checked_since text,
    sample_rows integer,
    rows_written bigint,
    picture_before jsonb,
    -- of the whole step, in its first part
    picture_after jsonb,
    repairs jsonb,
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
    done_at timestamptz,
    -- of no step until the end of the step: a transaction that lost the rest of its script does not commit
    unfinished bigint DEFAULT -1 CONSTRAINT a_step_is_not_finished REFERENCES tzmigrate.step DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX IF NOT EXISTS step_by_name ON tzmigrate.step (step, part, id);

CREATE TABLE IF NOT EXISTS tzmigrate.step_column (
    step_id bigint NOT NULL REFERENCES tzmigrate.step ON DELETE CASCADE,
    position integer NOT NULL,
    relation_schema name NOT NULL,
    relation_name name NOT NULL,
    column_name name NOT NULL,
    attnum smallint,
    type_before text NOT NULL,
    type_after text NOT NULL,
    zone text NOT NULL,
    -- somebody converted it by hand, and this is what was known of that when it was recorded
    adopted text CHECK (adopted IN ('proved', 'shown', 'unproved', 'contradicted')),
    default_before text,
    default_after text,
    -- of the whole column, where the plan asks for that
    values_before bigint,
    infinite_before bigint,
    fingerprint_before numeric,
    lowest_before bigint,
    highest_before bigint,
    PRIMARY KEY (step_id, position)
);

-- no foreign key: under the lock it would be asked for each row, and rows come and go with their step in one place
CREATE TABLE IF NOT EXISTS tzmigrate.sample (
    step_id bigint NOT NULL,
    key text[] NOT NULL,
    wall bigint[],
    instant bigint[],
    edge boolean NOT NULL DEFAULT false,
    PRIMARY KEY (step_id, key)
);

-- what leans on the columns of a step: dropped or emptied before the conversion, made again after it
CREATE TABLE IF NOT EXISTS tzmigrate.step_dependent (
    step_id bigint NOT NULL REFERENCES tzmigrate.step ON DELETE CASCADE,
    position integer NOT NULL,
    kind text NOT NULL,
    relation text NOT NULL,
    name text,
    way text NOT NULL,
    before text[] NOT NULL,
    after text[] NOT NULL,
    zoned name[] NOT NULL,
    present boolean NOT NULL,
    populated boolean,
    properties text[],
    leaving text[],
    tablespace name,
    access_method name,
    definition_after text,
    PRIMARY KEY (step_id, position)
);

-- partitions and children whose default is not that of their parent
CREATE TABLE IF NOT EXISTS tzmigrate.step_default (
    step_id bigint NOT NULL REFERENCES tzmigrate.step ON DELETE CASCADE,
    relation text NOT NULL,
    column_name name NOT NULL,
    present boolean NOT NULL,
    default_before text,
    default_after text,
    PRIMARY KEY (step_id, relation, column_name)
);
