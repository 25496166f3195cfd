-- One row per key, read and written by key alone, so that a call costs one row per key it speaks of.
-- `state` is JSON. Sweeping walks the primary key: an index on `idle_at` would double the rows written.
CREATE TABLE windows (
  key TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  idle_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
