// The backend every contender of the binding group forwards to: 256 bytes of declared length, no logic, nothing logged.
// Over a service binding a length is only seen where the backend's own header says it.

const BODY = `${"x".repeat(255)}\n`;
const INIT = { headers: { "Content-Length": String(BODY.length), "Content-Type": "text/plain" } };

export default {
  fetch: () => new Response(BODY, INIT),
} satisfies ExportedHandler;
