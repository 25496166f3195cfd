// Four plain HTTP origins in one process, answering 256 bytes to whatever they are asked: so cheap that no proxy waits for them.
// Started by the bench as `node origins.ts PORT…`; understands requests without a body only, which is all the bench sends.

import { createServer, type Socket } from "node:net";

const BODY = `${"x".repeat(255)}\n`;
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);
const HEAD_END = "\r\n\r\n";

/** One answer per request head, however the bytes are cut or joined. */
function serve(socket: Socket): void {
  let rest = "";
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    rest += chunk.toString("latin1");
    for (let at = rest.indexOf(HEAD_END); at >= 0; at = rest.indexOf(HEAD_END)) {
      rest = rest.slice(at + HEAD_END.length);
      socket.write(ANSWER);
    }
  });
}

for (const port of process.argv.slice(2)) createServer(serve).listen(Number(port), "127.0.0.1");
