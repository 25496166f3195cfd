// The backend every contender of the binding group forwards to: 256 bytes, no logic, nothing logged.

const BODY = `${"x".repeat(255)}\n`;

export default {
  // A string's Content-Length is known, so it is sent.
  fetch: () => new Response(BODY),
} satisfies ExportedHandler;
