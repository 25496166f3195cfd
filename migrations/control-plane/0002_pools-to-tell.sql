-- Pools whose monitors hear of every version: those that have `health` in the newest, and those that had it in the version told before.
CREATE TABLE monitored_pools (
  pool TEXT PRIMARY KEY,
  -- 1: has `health` in the newest version.
  has_health INTEGER NOT NULL,
  -- The version it is to be told of, or was told of last.
  version INTEGER NOT NULL,
  -- Failures to tell it.
  attempts INTEGER NOT NULL,
  -- Epoch ms, 0: at once; null: it has been told.
  due_at INTEGER
) STRICT, WITHOUT ROWID;

-- A plane that has such pools already tells them when it starts.
INSERT INTO monitored_pools (pool, has_health, version, attempts, due_at)
SELECT pools.key, 1, newest.version, 0, 0
FROM (SELECT version, document FROM config_versions ORDER BY version DESC LIMIT 1) AS newest,
     json_each(newest.document, '$.pools') AS pools
WHERE json_type(pools.value, '$.health') = 'object';
