-- Everything an account keeps, in one file: users' tables in schema "data", the engine's own in schema "snowmelt".
CREATE SCHEMA IF NOT EXISTS data;
CREATE SCHEMA IF NOT EXISTS snowmelt;

-- Ids of databases, schemas and objects; never used again.
CREATE SEQUENCE IF NOT EXISTS snowmelt.object_ids;

-- Orders the rows of all change logs. Writers that change rows of one table hold its lock, so within a table the
-- order is the order of commits.
CREATE SEQUENCE IF NOT EXISTS snowmelt.log_numbers;

-- The catalog: one JSON document per database, schema or object (see catalog/codec.py).
CREATE TABLE IF NOT EXISTS snowmelt.entities (id BIGINT PRIMARY KEY, doc VARCHAR NOT NULL);

-- Which transaction committed as which version. Rows carry the transaction's number from the moment they are written;
-- the version is known only at commit, in commit order. Times never run backwards from one version to the next;
-- statements are the ids of the queries that the transaction consists of, for AT (STATEMENT => ...).
CREATE TABLE IF NOT EXISTS snowmelt.commits (tx BIGINT NOT NULL, ver BIGINT NOT NULL, committed_at TIMESTAMPTZ NOT NULL);
ALTER TABLE snowmelt.commits ADD COLUMN IF NOT EXISTS statements VARCHAR[];

-- A stream has read everything up to and including version ver, since moved_at. With initial, it also shows the rows
-- that were there at that version.
CREATE TABLE IF NOT EXISTS snowmelt.offsets (stream BIGINT PRIMARY KEY, ver BIGINT NOT NULL);
ALTER TABLE snowmelt.offsets ADD COLUMN IF NOT EXISTS moved_at TIMESTAMPTZ;
ALTER TABLE snowmelt.offsets ADD COLUMN IF NOT EXISTS initial BOOLEAN DEFAULT FALSE;

UPDATE snowmelt.offsets SET moved_at = now() WHERE moved_at IS NULL;

-- The log of a table tells nothing any more of what was committed up to and including version ver.
CREATE TABLE IF NOT EXISTS snowmelt.pruned ("table" BIGINT PRIMARY KEY, ver BIGINT NOT NULL);

-- Files that COPY INTO has loaded, so that it does not load them twice, and those that it could not load (no etag).
-- details: a JSON document with the rest of what COPY_HISTORY shows; null for loads before it was kept.
CREATE TABLE IF NOT EXISTS snowmelt.loads ("table" BIGINT NOT NULL, file VARCHAR NOT NULL, etag VARCHAR NOT NULL,
    rows_loaded BIGINT NOT NULL, loaded_at TIMESTAMPTZ NOT NULL);
ALTER TABLE snowmelt.loads ADD COLUMN IF NOT EXISTS details VARCHAR;

-- Task runs as JSON documents, and when each scheduled task is due next.
CREATE TABLE IF NOT EXISTS snowmelt.task_runs (uid VARCHAR PRIMARY KEY, doc VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS snowmelt.task_state (task BIGINT PRIMARY KEY, doc VARCHAR NOT NULL);

-- Account parameters such as EVENT_TABLE.
CREATE TABLE IF NOT EXISTS snowmelt.parameters (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- Public keys of the user, for logins by key pair: properties such as RSA_PUBLIC_KEY.
CREATE TABLE IF NOT EXISTS snowmelt.user_keys (property VARCHAR PRIMARY KEY, public_key VARCHAR NOT NULL);

-- Which macros the file has: a digest of their definitions.
CREATE TABLE IF NOT EXISTS snowmelt.macros (digest VARCHAR NOT NULL);
