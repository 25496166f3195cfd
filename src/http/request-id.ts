// The id a request is known by in its answer, its log line and its backend.

const WELL_FORMED = /^[A-Za-z0-9._-]{8,128}$/;
const known = new WeakMap<Request, string>();

/** A client's own id is kept when it is harmless to log; else a fresh UUID. */
export const chooseRequestId = (offered: string | null): string =>
  offered !== null && WELL_FORMED.test(offered) ? offered : crypto.randomUUID();

/** The same id however often a control-surface handler asks for it. */
export function requestIdOf(request: Request): string {
  const remembered = known.get(request);
  if (remembered !== undefined) return remembered;
  const id = chooseRequestId(request.headers.get("X-Request-Id"));
  known.set(request, id);
  return id;
}
