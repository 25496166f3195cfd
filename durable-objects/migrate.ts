// Brings an object's SQLite database to the newest schema, synchronously, in its constructor.
// Migrations are append-only files in migrations/<noun>/; a database from the future is refused rather than guessed at.

/** One migration: `number` counts from 1 without gaps, `sql` may hold several statements. */
export type Migration = { readonly number: number; readonly name: string; readonly sql: string };

/**
 * Applies what is missing with its records, all in one transaction: a database is at one version or the other, never between.
 * `PRAGMA user_version` is not authorised in Durable Objects, hence the table.
 */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[]): void {
  const applied = readVersion(storage);
  const newest = migrations.at(-1)?.number ?? 0;
  if (applied > newest) throw new Error(`migrate: the database is at version ${applied}, this code knows ${newest}`);
  if (applied === newest) return;
  storage.transactionSync(() => {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS _migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT");
    for (const migration of migrations) {
      if (migration.number <= applied) continue;
      storage.sql.exec(migration.sql);
      storage.sql.exec("INSERT INTO _migrations (number, name) VALUES (?, ?)", migration.number, migration.name);
    }
  });
}

function readVersion(storage: DurableObjectStorage): number {
  const table = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_migrations'").toArray();
  if (table.length === 0) return 0;
  return storage.sql.exec<{ version: number }>("SELECT coalesce(max(number), 0) AS version FROM _migrations").one()
    .version;
}
