-- Every configuration that was ever in force, newest last; the newest is in force.
CREATE TABLE config_versions (
  version    INTEGER PRIMARY KEY,
  created_at INTEGER NOT NULL,
  source     TEXT NOT NULL CHECK (source IN ('api', 'file', 'rollback', 'initial')),
  actor      TEXT NOT NULL,
  restores   INTEGER,
  command_id TEXT,
  document   TEXT NOT NULL
) STRICT;

-- "Was this command carried out already?", asked before every change.
CREATE UNIQUE INDEX config_versions_by_command ON config_versions (command_id) WHERE command_id IS NOT NULL;

CREATE TABLE audit_log (
  seq      INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  action   TEXT NOT NULL,
  actor    TEXT NOT NULL,
  subject  TEXT NOT NULL,
  detail   TEXT,
  event_id TEXT,
  hash     TEXT NOT NULL
) STRICT;

-- "Was this event written already?", asked before every append.
CREATE UNIQUE INDEX audit_log_by_event ON audit_log (event_id) WHERE event_id IS NOT NULL;

-- Where the audit chain starts (the last row pruned) and ends (the last row written): without the end kept apart, a cut tail would
-- not show. And the digest of the configuration file applied last.
CREATE TABLE control_state (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  anchor_seq  INTEGER NOT NULL,
  anchor_hash TEXT NOT NULL,
  head_seq    INTEGER NOT NULL,
  head_hash   TEXT NOT NULL,
  file_digest TEXT
) STRICT;

INSERT INTO control_state (id, anchor_seq, anchor_hash, head_seq, head_hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '0000000000000000000000000000000000000000000000000000000000000000');

INSERT INTO config_versions (version, created_at, source, actor, document)
VALUES (0, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'initial', 'start', '{}');
