-- Who belongs to the pool beyond its configuration, and who was taken out of it.

CREATE TABLE registrations (
  -- In the order they came, which is the roster's.
  id INTEGER PRIMARY KEY,
  instance_id TEXT NOT NULL UNIQUE,
  -- JSON: { id, url, weight, … }.
  instance TEXT NOT NULL,
  ttl_ms INTEGER NOT NULL,
  -- Epoch ms.
  registered_at INTEGER NOT NULL,
  heard_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  -- As last told, 0 to 1.
  cpu REAL
) STRICT;

-- Instances that are not in: those without a row are.
CREATE TABLE closings (
  instance_id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  action TEXT NOT NULL,
  change_id TEXT NOT NULL,
  -- Epoch ms.
  since INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  -- Of the membership.
  version INTEGER NOT NULL
) STRICT;

CREATE TABLE membership (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  -- Counts changes of the two tables above; isolates compare it.
  version INTEGER NOT NULL,
  -- 1: no isolate had anything in flight when this was written, and none has called since.
  at_rest INTEGER NOT NULL
) STRICT;
