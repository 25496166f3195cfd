-- What the pool's HealthMonitor last told of its instances: one row, read and written whole.

CREATE TABLE verdicts (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  -- JSON: [{ instanceId, state, ms }, …].
  facts TEXT NOT NULL,
  -- Epoch ms: they count no longer from here on.
  until INTEGER NOT NULL
) STRICT;
