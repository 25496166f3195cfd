// What an operator calls a worker: a pool, for all its instances, or `pool:instance`. Names hold no colon.

export type WorkerName = { readonly pool: string; readonly instance: string | undefined };

export function readWorkerName(name: string): WorkerName {
  const [pool = "", ...rest] = name.split(":");
  return { pool, instance: rest.length === 0 ? undefined : rest.join(":") };
}

export const workerName = (pool: string, instance: string): string => `${pool}:${instance}`;
