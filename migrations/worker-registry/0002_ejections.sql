-- Instances put out for the whole fleet because requests failed on them: the latest row of each says how it stands, all of them what happened.

CREATE TABLE ejections (
  id INTEGER PRIMARY KEY,
  instance_id TEXT NOT NULL,
  -- In a row.
  times INTEGER NOT NULL,
  -- Epoch ms.
  at INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;
