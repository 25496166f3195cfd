-- One pool's decisions: on which instances, and how far the cursor has come. Both tables hold one row.

CREATE TABLE roster (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  version INTEGER NOT NULL,
  config_version INTEGER NOT NULL,
  deployed_at INTEGER NOT NULL,
  strategy TEXT NOT NULL,
  -- JSON: [{ id, target, weight }, …]; read and written whole.
  instances TEXT NOT NULL
) STRICT;

CREATE TABLE cursor (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  -- Counts the object's starts that issued something: part of every lease's id.
  epoch INTEGER NOT NULL,
  -- No position from here on was ever issued.
  mark INTEGER NOT NULL,
  -- 1: nothing was out when this row was written, so `free` is all that is left of the positions below `mark`.
  parked INTEGER NOT NULL,
  -- JSON: [{ from, count }, …]; one column, so that however many ranges cost one row.
  free TEXT NOT NULL,
  issued INTEGER NOT NULL,
  reissued INTEGER NOT NULL,
  used INTEGER NOT NULL,
  uncounted INTEGER NOT NULL
) STRICT;
