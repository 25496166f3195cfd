-- What a pool's configuration says beside its instances, and how its circuit breaker has stood: the newest transition says how it stands.

-- JSON: { breaker }; read and written whole with the row.
ALTER TABLE roster ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

CREATE TABLE breaker_transitions (
  id INTEGER PRIMARY KEY,
  from_state TEXT NOT NULL,
  to_state TEXT NOT NULL,
  -- Epoch ms.
  at INTEGER NOT NULL,
  -- How often in a row it has opened.
  times INTEGER NOT NULL,
  -- Of one that opened, epoch ms: when trials begin; else 0.
  until INTEGER NOT NULL,
  why TEXT NOT NULL
) STRICT;
