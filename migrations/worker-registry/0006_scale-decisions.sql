-- How many instances the pool was to have, and why: the newest row says how many now.

CREATE TABLE scale_decisions (
  id INTEGER PRIMARY KEY,
  -- Told to the pool's webhook, which may hear of one decision more than once.
  decision_id TEXT NOT NULL UNIQUE,
  -- Epoch ms.
  at INTEGER NOT NULL,
  from_count INTEGER NOT NULL,
  to_count INTEGER NOT NULL,
  reason TEXT NOT NULL,
  why TEXT NOT NULL,
  -- JSON: { inFlight, latencyMs, … }.
  signals TEXT NOT NULL,
  -- JSON: { state, attempts, nextAtMs, detail }; null where there is no webhook.
  delivery TEXT
) STRICT;
