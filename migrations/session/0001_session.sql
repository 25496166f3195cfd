-- One session per object: the single row of `session`.
CREATE TABLE session (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  username TEXT NOT NULL,
  preferences TEXT,
  created_at INTEGER NOT NULL,
  last_activity_at INTEGER NOT NULL,
  idle_ttl_ms INTEGER NOT NULL,
  absolute_expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  change_count INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The change that not every replica of the revocation log is known to have: a later one stands for the earlier.
-- Its number is session.change_count at the time, so a late publisher cannot take out the change after its own.
CREATE TABLE outbox (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  change_number INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  due_at INTEGER NOT NULL
) STRICT;
