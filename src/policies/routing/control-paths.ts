// The paths of the control surface, reserved on every host. index.ts asks this before any route is looked at,
// and compile-config.ts refuses routes that could never be reached because of it.

const EXACT = new Set(["/api/workers/status", "/health", "/health/workers", "/version"]);
/** The path itself and everything below it. */
const SUBTREES = ["/api/super", "/admin", "/balancer", "/discovery"];
/** Everything that begins so, segment boundary or not. */
const PREFIXES = ["/api/session", "/metrics"];

/** What follows the first slash in any of them: most traffic is told by one character. */
const INITIALS = new Set([...EXACT, ...SUBTREES, ...PREFIXES].map((path) => path.charCodeAt(1)));

/** Whether `path` (without query) belongs to the control surface and never to traffic. */
export const isControlPath = (path: string): boolean => INITIALS.has(path.charCodeAt(1)) && isReserved(path);

const isReserved = (path: string): boolean =>
  EXACT.has(path) || PREFIXES.some((prefix) => path.startsWith(prefix)) || SUBTREES.some((root) => isUnder(path, root));

const isUnder = (path: string, root: string): boolean =>
  path.startsWith(root) && (path.length === root.length || path.charCodeAt(root.length) === SLASH);

const SLASH = 47;
