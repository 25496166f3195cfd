// What every example app shows of a request and how it answers: one accessible, self-contained page, or the same as JSON.
// Believes the X-Session-* headers, because an app is reached by binding only and the plane removes what clients send.
// Must never let a header, path or body reach the page unescaped.

/** A piece of page that is already escaped. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Piece = string | number | Html | readonly Html[];

/** Template tag: whatever is put in is escaped, unless it is Html itself. */
export const html = (parts: TemplateStringsArray, ...values: readonly Piece[]): Html =>
  new Html(parts.reduce((text, part, i) => text + textOf(values[i - 1] ?? "") + part));

const textOf = (piece: Piece): string => {
  if (piece instanceof Html) return piece.text;
  return Array.isArray(piece) ? piece.map((one: Html) => one.text).join("") : escapeHtml(String(piece));
};

const ENTITIES: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);

/** What the app got to know of a request: also the JSON answer, key by key. */
export type Visit = {
  readonly app: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly session: {
    readonly authenticated: boolean;
    readonly userId: string | null;
    readonly username: string | null;
  };
  readonly requestId: string | null;
};

/** M24–M26: the session as the plane told it, percent-decoded. */
export function readVisit(app: string, request: Request): Visit {
  const url = new URL(request.url);
  return {
    app,
    method: request.method,
    path: url.pathname,
    host: url.host,
    session: {
      authenticated: request.headers.get("X-Session-Authenticated") === "true",
      userId: decoded(request.headers.get("X-Session-User-Id")),
      username: decoded(request.headers.get("X-Session-Username")),
    },
    requestId: request.headers.get("X-Request-Id"),
  };
}

function decoded(value: string | null): string | null {
  if (value === null) return null;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The path inside the app: `/console/x` on the main domain and `/x` on the app's own host are the same page (M08–M14). */
export const pathInside = (app: string, path: string): string => {
  if (path === `/${app}`) return "/";
  return path.startsWith(`/${app}/`) ? path.slice(app.length + 1) : path;
};

/** Where the app's own links start: "/console" under a path on the main domain, else "". */
export const mountOf = (app: string, path: string): string => (pathInside(app, path) === path ? "" : `/${app}`);

/** One answer in both its forms: `title` and `content` make the page, `data` is added to the JSON. */
export type Answer = {
  readonly title: string;
  readonly content: Html;
  readonly data?: object;
  readonly status?: number;
};

export function reply(request: Request, visit: Visit, answer: Answer): Response {
  const status = answer.status ?? 200;
  if (wantsJson(request)) return send(status, "application/json", `${JSON.stringify({ ...visit, ...answer.data })}\n`);
  return send(status, "text/html; charset=utf-8", page(visit, answer).text);
}

/** 405 with what is allowed (RFC 9110 §15.5.6). */
export function refuseMethod(allow: string): Response {
  const response = send(405, "text/plain; charset=utf-8", `Allowed here: ${allow}\n`);
  response.headers.set("Allow", allow);
  return response;
}

const wantsJson = (request: Request): boolean => {
  const accept = request.headers.get("Accept") ?? "";
  return accept.includes("application/json") && !accept.includes("text/html");
};

/** Content-Length is set by hand: a body that passes a service binding arrives without it, and the plane reads it. */
export function send(status: number, contentType: string, text: string): Response {
  const body = new TextEncoder().encode(text);
  return new Response(body, {
    status,
    headers: {
      "Content-Type": contentType,
      "Content-Length": String(body.byteLength),
      "Content-Security-Policy":
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "private, no-store",
      Vary: "Accept",
    },
  });
}

const STYLE =
  new Html(`body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
a{color:#0b57a4}input,select,button{font:inherit;padding:.4rem .6rem;margin:.2rem 0}label{display:block;margin-top:.6rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#595959}dd{margin:0;overflow-wrap:anywhere}pre{overflow-x:auto;background:#f2f2f2;padding:.8rem}
@media(prefers-color-scheme:dark){body{color:#e4e4e4;background:#161616}a{color:#8ab8ff}dt{color:#a6a6a6}pre{background:#262626}}`);

const page = (visit: Visit, answer: Answer): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${answer.title} · ${visit.app}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${answer.title}</h1>
${answer.content}
</main>
<footer>
<h2>What this app was told</h2>
<dl>
<dt>App</dt><dd>${visit.app}</dd>
<dt>Path</dt><dd>${visit.path}</dd>
<dt>Host</dt><dd>${visit.host}</dd>
<dt>X-Session-Authenticated</dt><dd>${String(visit.session.authenticated)}</dd>
<dt>X-Session-User-Id</dt><dd>${visit.session.userId ?? "none"}</dd>
<dt>X-Session-Username</dt><dd>${visit.session.username ?? "none"}</dd>
<dt>X-Request-Id</dt><dd>${visit.requestId ?? "none"}</dd>
</dl>
</footer>
</body>
</html>
`;
