-- The log: `seq` is the cursor, and AUTOINCREMENT never gives one out twice, even after all rows are gone.
-- Read from a cursor on and pruned from the start, both by `seq`.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  name TEXT NOT NULL
) STRICT;
