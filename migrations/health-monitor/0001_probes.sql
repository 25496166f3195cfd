-- What is probed, as the configuration said it last: settings and instances as JSON, read and written whole; null: it could not be read yet.
CREATE TABLE plan (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  -- An object that an alarm wakes does not know its own name.
  pool TEXT NOT NULL,
  settings TEXT,
  instances TEXT
) STRICT;

-- How each instance stands. Epoch ms.
CREATE TABLE probes (
  instance_id TEXT PRIMARY KEY,
  -- unknown, healthy, degraded or unhealthy
  state TEXT NOT NULL,
  -- In a row.
  failures INTEGER NOT NULL,
  successes INTEGER NOT NULL,
  -- 1: this row of failures has been alerted.
  alerted INTEGER NOT NULL,
  -- How long the latest answer took; null when nothing answered in time.
  ms INTEGER,
  next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE transitions (
  id INTEGER PRIMARY KEY,
  instance_id TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state TEXT NOT NULL,
  at INTEGER NOT NULL,
  why TEXT NOT NULL
) STRICT;
