-- What one user has had run, at most 100 of them, for a day after they ended (C06). Epoch ms.
CREATE TABLE exec_results (
  exec_id TEXT PRIMARY KEY,
  -- What the executor knows it by: never used for a second exec.
  run_id TEXT NOT NULL,
  -- An object that an alarm wakes does not know its own name.
  user_id TEXT NOT NULL,
  idempotency_key TEXT,
  -- Of everything that was ordered; the key may not stand for anything else.
  digest TEXT NOT NULL,
  -- A text for a shell or a list of arguments, as JSON.
  command TEXT NOT NULL,
  -- JSON. Taken away when the exec has ended: it may hold secrets.
  env TEXT,
  working_dir TEXT NOT NULL,
  timeout_ms INTEGER NOT NULL,
  -- Of each stream.
  output_bytes_max INTEGER NOT NULL,
  -- queued, running, succeeded, failed, timed_out, cancelled or lost
  status TEXT NOT NULL,
  -- 1: it is to be stopped.
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  exit_code INTEGER,
  error TEXT,
  stdout_bytes INTEGER NOT NULL DEFAULT 0,
  stderr_bytes INTEGER NOT NULL DEFAULT 0,
  -- 1: more was written than was kept.
  capped INTEGER NOT NULL DEFAULT 0,
  last_seq INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  -- When it is given up if the executor has not answered by then.
  queue_deadline_at INTEGER NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  -- Null while it has not ended.
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
-- Whether a key was used before.
CREATE UNIQUE INDEX exec_results_by_key ON exec_results (idempotency_key) WHERE idempotency_key IS NOT NULL;
-- Listing, the newest first.
CREATE INDEX exec_results_by_age ON exec_results (created_at DESC);
-- What is queued or running, and listing by status.
CREATE INDEX exec_results_by_status ON exec_results (status, created_at);
-- What is to be deleted.
CREATE INDEX exec_results_by_expiry ON exec_results (expires_at) WHERE expires_at IS NOT NULL;

-- Output in the order in which it came; seq counts over both streams.
CREATE TABLE output_chunks (
  exec_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  stream TEXT NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (exec_id, seq)
) STRICT, WITHOUT ROWID;

-- Runs that have ended here and that the executor has yet to be told to forget.
CREATE TABLE releases (
  run_id TEXT PRIMARY KEY,
  until_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
