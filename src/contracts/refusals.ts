// Every refusal the plane can answer: its stable code (public API), its HTTP status and its title.
// A code without a status does not compile; nothing anywhere branches on message text.

export type Ok<T> = { readonly ok: true; readonly value: T };
export type Refusal = {
  readonly ok: false;
  readonly code: RefusalCode;
  readonly detail?: string;
  readonly data?: RefusalData;
};
/** What a refusal carries besides its code: merged into the problem document. */
export type RefusalData = { readonly [key: string]: unknown };
/** Expected outcomes are values: thrown errors lose their class over RPC, returned unions arrive whole. */
export type Result<T> = Ok<T> | Refusal;

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });
export const refuse = (code: RefusalCode, detail?: string, data?: RefusalData): Refusal => ({
  ok: false,
  code,
  ...(detail !== undefined && { detail }),
  ...(data !== undefined && { data }),
});

const REFUSALS = {
  // the request itself
  bad_host: [400, "The Host header is not one host[:port]"],
  bad_path: [400, "The path is ambiguous or not ASCII"],
  bad_upgrade: [400, "The upgrade is not a WebSocket handshake"],
  malformed_json: [400, "The body is not JSON"],
  invalid_body: [400, "The body does not fit its schema"],
  invalid_config: [400, "The configuration document is not valid"],
  invalid_query: [400, "The query string does not fit its schema"],
  invalid_header: [400, "A header does not fit its schema"],
  body_broken: [400, "The body broke off"],
  body_timeout: [408, "The body did not arrive in time"],
  body_too_large: [413, "The body is too large"],
  headers_too_large: [431, "The headers are too many or too large"],
  unsupported_media_type: [415, "The body's media type is not supported"],
  method_not_allowed: [405, "The method is not allowed here"],
  // who is asking
  unauthenticated: [401, "A session is needed", { error: "Unauthorized" }],
  admin_unauthorized: [401, "The admin secret is missing or wrong", { error: "Unauthorized" }],
  admin_secret_unset: [503, "ADMIN_SECRET is not set on the server"],
  session_keys_unset: [503, "SESSION_KEYS is not set on the server"],
  cross_origin: [403, "The call comes from another origin"],
  // how much
  rate_limited: [429, "Rate limit exceeded", { error: "Rate limit exceeded" }],
  too_many_at_once: [429, "Too many at one time", { error: "Rate limit exceeded" }],
  limit_key_missing: [400, "The request lacks what its limit counts by"],
  limiter_unavailable: [503, "The rate limiter did not answer"],
  // what is asked for
  no_route: [404, "No route matches"],
  not_found: [404, "There is nothing here"],
  unknown_limit: [404, "There is no such limit"],
  no_autoscale: [404, "The pool has no autoscale"],
  unknown_pool: [404, "There is no such pool"],
  unknown_instance: [404, "No such instance is registered"],
  unknown_worker: [404, "There is no such worker"],
  unknown_session: [404, "There is no such session"],
  session_expired: [404, "The session has expired"],
  session_revoked: [404, "The session was revoked"],
  unknown_user: [404, "There is no such user"],
  unknown_job: [404, "There is no such job"],
  unknown_version: [404, "There is no such version"],
  instance_configured: [409, "The configuration has an instance of this id"],
  registry_full: [409, "The pool has as many registered instances as it can have"],
  private_origin: [400, "The URL leads to a private address"],
  unknown_exec: [404, "The user has no such exec"],
  exec_ended: [409, "The exec has ended already"],
  idempotency_mismatch: [409, "The key or id was used for another command"],
  name_taken: [409, "Another user has that name"],
  users_full: [409, "No more users can be registered"],
  stale_version: [412, "The configuration has changed since it was read"],
  // what stands behind
  no_config: [503, "No configuration could be read yet"],
  no_instance: [503, "The pool has no instance"],
  no_backend_discovered: [500, "No backend workers configured or discovered."],
  all_backends_failed: [503, "Service Unavailable: All backend workers failed or are unreachable."],
  circuit_open: [503, "Too many of the pool's requests failed; it is left alone for a while"],
  restart_failed: [502, "An instance did not come back"],
  backups_unbound: [503, "No bucket for backups is bound to the server"],
  backups_unavailable: [503, "The bucket of the backups did not answer"],
  api_key_unset: [503, "The instance's API key is not set on the server"],
  executor_unset: [503, "No executor is set on the server"],
  upstream_failed: [502, "The upstream failed"],
  upstream_timeout: [504, "The upstream did not answer in time"],
  revocation_pending: [503, "The session is revoked, but not every isolate has been told yet"],
  change_pending: [503, "The change is stored, but not every isolate has been told yet"],
  object_unavailable: [503, "A part of the control plane did not answer"],
  internal_error: [500, "Internal error"],
} as const satisfies Record<string, readonly [status: number, title: string, data?: RefusalData]>;

export type RefusalCode = keyof typeof REFUSALS;
export const statusOf = (code: RefusalCode): number => REFUSALS[code][0];
export const titleOf = (code: RefusalCode): string => REFUSALS[code][1];
/** Keys that a document gives this refusal's body (L19, L35), beside those of a problem. */
export const documentKeysOf = (code: RefusalCode): RefusalData => REFUSALS[code][2] ?? {};
