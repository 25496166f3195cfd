// motr-profile (M05): who the visitor is, and the choice of the app that `/` leads to (M16–M18).
// Keeps nothing itself: the choice is the plane's (POST /api/session/preferences), the identity is the enclave's, asked by binding.

import {
  type Answer,
  type Html,
  html,
  mountOf,
  pathInside,
  readVisit,
  refuseMethod,
  reply,
  type Visit,
} from "../../page.ts";

type ProfileEnv = { readonly ENCLAVE: Fetcher };

/** null: never confirmed; undefined: the enclave does not answer. */
type Identity = { readonly createdAt: number; readonly confirmations: number } | null | undefined;

const TOLD_HEADERS = ["X-Session-Authenticated", "X-Session-User-Id", "X-Session-Username", "X-Request-Id"];

const SCRIPT = `const form = document.querySelector("#preferences");
const status = document.querySelector("[role=status]");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ defaultApp: form.elements.defaultApp.value });
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/api/session/preferences", { method: "POST", headers, body });
  status.textContent = response.ok ? "Saved." : "Not saved: status " + response.status + ".";
});
`;

const script = (): Response =>
  new Response(SCRIPT, {
    headers: {
      "Content-Type": "text/javascript; charset=utf-8",
      "Content-Length": String(SCRIPT.length),
      "X-Content-Type-Options": "nosniff",
    },
  });

/** GET reads the visitor's record, POST confirms it. */
async function askEnclave(request: Request, enclave: Fetcher, method: "GET" | "POST"): Promise<Identity> {
  const headers = new Headers({ Accept: "application/json" });
  for (const name of TOLD_HEADERS) headers.set(name, request.headers.get(name) ?? "");
  const response = await enclave.fetch(request.url, { method, headers });
  if (response.status === 404) return null;
  return response.ok ? (await response.json<{ identity: Identity }>()).identity : undefined;
}

const signedOut: Answer = {
  title: "Profile",
  content: html`<p>You are not signed in. <a href="/login">Sign in</a> to see your profile.</p>`,
};

const describe = (identity: Identity): Html => {
  if (identity === undefined) return html`<p>The enclave does not answer.</p>`;
  if (identity === null) return html`<p>Never confirmed.</p>`;
  return html`<p>Confirmed ${identity.confirmations} times, first on ${new Date(identity.createdAt).toISOString()}.</p>`;
};

const settings = (visit: Visit, identity: Identity): Answer => ({
  title: "Profile",
  content: html`<p>You are <strong>${visit.session.username ?? "unnamed"}</strong> (<code>${visit.session.userId ?? "no id"}</code>).</p>
<h2>Identity</h2>
${describe(identity)}
<form method="post" action="${mountOf("profile", visit.path)}/identity"><button>Confirm</button></form>
<h2>Settings</h2>
<form id="preferences">
<label for="defaultApp">Start page</label>
<select id="defaultApp" name="defaultApp"><option value="console">Console</option><option value="profile">Profile</option><option value="search">Search</option></select>
<button>Save</button>
</form>
<p role="status"></p>
<script type="module" src="${mountOf("profile", visit.path)}/settings.js"></script>`,
  data: { identity: identity ?? null },
});

export default {
  async fetch(request, env): Promise<Response> {
    const visit = readVisit("profile", request);
    const path = pathInside("profile", visit.path);
    const confirms = request.method === "POST" && path === "/identity";
    if (!confirms && request.method !== "GET" && request.method !== "HEAD") return refuseMethod("GET, HEAD");
    if (path === "/settings.js") return script();
    if (!visit.session.authenticated)
      return reply(request, visit, confirms ? { ...signedOut, status: 401 } : signedOut);
    return reply(request, visit, settings(visit, await askEnclave(request, env.ENCLAVE, confirms ? "POST" : "GET")));
  },
} satisfies ExportedHandler<ProfileEnv>;
