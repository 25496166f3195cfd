CREATE TABLE users (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  -- What the name is compared by: no two users differ in case alone.
  name_key   TEXT NOT NULL,
  tier       INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  -- Of the command that registered or changed the user last: it may come again.
  command_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- "Who has this name?", asked by lookup and before every change of a name.
CREATE UNIQUE INDEX users_by_name ON users (name_key);

-- The newest version of a user's configuration is in force; a user without one has the empty document, version 0.
CREATE TABLE user_configs (
  user_id    TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  source     TEXT NOT NULL,
  actor      TEXT NOT NULL,
  restores   INTEGER,
  command_id TEXT NOT NULL,
  document   TEXT NOT NULL,
  PRIMARY KEY (user_id, version)
) STRICT, WITHOUT ROWID;
