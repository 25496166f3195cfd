// An HTTP origin that can be made to fail: answers after LAG_MS, and from `/--fall-silent` on accepts and never answers.
// Started by the bench as `node frail-origin.ts PORT LAG_MS`. `/--arrivals` tells when requests came after that, in ms.

import { createServer } from "node:http";

const [port, lagMs] = process.argv.slice(2).map(Number);
const BODY = `${"x".repeat(255)}\n`;
let silentAt: number | undefined;
const arrivals: number[] = [];

createServer((request, response) => {
  const answer = (body: string) => void response.writeHead(200, { "Content-Length": body.length }).end(body);
  if (request.url === "/--arrivals") return answer(JSON.stringify(arrivals));
  if (request.url === "/--fall-silent") {
    silentAt = Date.now();
    return answer("");
  }
  if (silentAt !== undefined) return void arrivals.push(Date.now() - silentAt);
  setTimeout(() => silentAt ?? answer(BODY), lagMs);
}).listen(port, "127.0.0.1");
