// motr-auth (M03): the page of those who are not signed in. It holds no passwords and opens no session itself:
// an operator does, and the page gives the very command for the name that was typed.

import { readBounded } from "../../bounded-body.ts";
import { type Answer, html, mountOf, pathInside, readVisit, refuseMethod, reply, type Visit } from "../../page.ts";

const FORM_BYTES_MAX = 4_096;
const NAME_MAX = 256;

const signedIn = (visit: Visit): Answer => ({
  title: "You are signed in",
  content: html`<p>Signed in as <strong>${visit.session.username ?? visit.session.userId ?? "unknown"}</strong>.</p>
<form method="post" action="/api/session/logout"><button>Sign out</button></form>`,
});

const form = (visit: Visit, title: string, hint: string, status = 200): Answer => ({
  title,
  status,
  content: html`<p>${hint}</p>
<form method="post">
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" required maxlength="${NAME_MAX}">
<button>${title}</button>
</form>
<p><a href="${mountOf("auth", visit.path)}/login">Sign in</a> · <a href="${mountOf("auth", visit.path)}/signup">Sign up</a></p>`,
});

/** In single quotes a shell leaves everything alone but the quote itself. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const command = (origin: string, username: string): string =>
  [
    `curl -X POST ${shellQuoted(`${origin}/api/super/sessions`)} \\`,
    `  -H "X-Admin-Secret: $ADMIN_SECRET" -H 'Content-Type: application/json' \\`,
    `  -d ${shellQuoted(JSON.stringify({ userId: username, username }))}`,
  ].join("\n");

/** The name in the form that was sent, or undefined when there is none or the body is too large to be this form. */
async function readUsername(request: Request): Promise<string | undefined> {
  const body = await readBounded(request, FORM_BYTES_MAX);
  const username = new URLSearchParams(body).get("username")?.trim() ?? "";
  return username.length > 0 && username.length <= NAME_MAX ? username : undefined;
}

async function answerForm(request: Request, visit: Visit, title: string): Promise<Answer> {
  const username = await readUsername(request);
  if (username === undefined) return form(visit, title, `A user name of 1 to ${NAME_MAX} characters is needed.`, 400);
  const curl = command(new URL(request.url).origin, username);
  return {
    title: "An operator opens the session",
    content: html`<p>Sessions are opened by operators. This command opens one for <strong>${username}</strong> and answers with its cookie:</p>
<pre>${curl}</pre>`,
    data: { curl },
  };
}

export default {
  async fetch(request): Promise<Response> {
    const visit = readVisit("auth", request);
    const title = pathInside("auth", visit.path) === "/signup" ? "Sign up" : "Sign in";
    if (request.method === "POST") return reply(request, visit, await answerForm(request, visit, title));
    if (request.method !== "GET" && request.method !== "HEAD") return refuseMethod("GET, HEAD, POST");
    if (visit.session.authenticated) return reply(request, visit, signedIn(visit));
    return reply(request, visit, form(visit, title, "You are not signed in."));
  },
} satisfies ExportedHandler;
