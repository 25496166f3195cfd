// The same 256 bytes as most Workers send them: without a header that declares their length.

const BODY = `${"x".repeat(255)}\n`;
const INIT = { headers: { "Content-Type": "text/plain" } };

export default {
  fetch: () => new Response(BODY, INIT),
} satisfies ExportedHandler;
