CREATE TABLE restart_jobs (
  id              TEXT PRIMARY KEY,
  created_at      INTEGER NOT NULL,
  delay_ms        INTEGER NOT NULL,
  idempotency_key TEXT,
  digest          TEXT NOT NULL,
  total           INTEGER NOT NULL,
  -- The user whose turn it is, from 1.
  position        INTEGER NOT NULL,
  -- When the next step is due, epoch ms; null once the job has completed.
  due_at          INTEGER,
  completed_at    INTEGER
) STRICT, WITHOUT ROWID;

-- "Was this asked for already?", asked before every new job.
CREATE UNIQUE INDEX restart_jobs_by_key ON restart_jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE user_restarts (
  job_id       TEXT NOT NULL,
  position     INTEGER NOT NULL,
  user_id      TEXT NOT NULL,
  status       TEXT NOT NULL,
  started_at   INTEGER,
  completed_at INTEGER,
  error        TEXT,
  PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

-- When the user's executor was restarted last.
ALTER TABLE users ADD COLUMN restarted_at INTEGER;
