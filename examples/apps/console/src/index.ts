// motr-console (M04): a dashboard that links to what the plane tells about itself, and one developer tool:
// /dev/echo sends back any body or WebSocket message unchanged, to see what reaches a backend.

import { type Answer, html, mountOf, pathInside, readVisit, refuseMethod, reply, type Visit } from "../../page.ts";

const dashboard = (visit: Visit): Answer => ({
  title: "Console",
  content: html`<nav aria-label="Dashboards"><ul>
<li><a href="/health">Health of the plane</a></li>
<li><a href="/version">Version of the plane</a></li>
<li><a href="${mountOf("console", visit.path)}/dashboard">Dashboard</a></li>
</ul></nav>
<h2>Developer tools</h2>
<p>Send any body to <code>${mountOf("console", visit.path)}/dev/echo</code> and it comes back unchanged; open a WebSocket there and so do its messages.</p>`,
});

/** Always bytes and never a page: what a stranger sends must not run here. Streams, with the length kept where it is known. */
function echoBody(request: Request): Response {
  const length = request.headers.get("Content-Length");
  const through = length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  return new Response(request.body?.pipeThrough(through) ?? null, {
    headers: {
      "Content-Type": "application/octet-stream",
      "X-Content-Type-Options": "nosniff",
      "X-Echo-Method": request.method,
      ...(length !== null && request.body !== null && { "Content-Length": length }),
    },
  });
}

function echoMessages(): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.binaryType = "arraybuffer";
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client });
}

export default {
  async fetch(request): Promise<Response> {
    const visit = readVisit("console", request);
    if (pathInside("console", visit.path) === "/dev/echo") {
      return request.headers.get("Upgrade")?.toLowerCase() === "websocket" ? echoMessages() : echoBody(request);
    }
    if (request.method !== "GET" && request.method !== "HEAD") return refuseMethod("GET, HEAD");
    return reply(request, visit, dashboard(visit));
  },
} satisfies ExportedHandler;
