// npm's http-proxy as a contender: one Node process, round-robin over the origins, connections kept alive.
// Started by the bench as `node node-proxy.ts PORT ORIGIN…`.

import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";

type Proxy = {
  web(request: IncomingMessage, response: ServerResponse, options: { readonly target: string }): void;
  on(event: "error", listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void;
};
/** The package has no types. */
type HttpProxy = { createProxyServer(options: { readonly agent: Agent; readonly xfwd: boolean }): Proxy };
const { createProxyServer } = createRequire(import.meta.url)("http-proxy") as HttpProxy;

const [port, ...origins] = process.argv.slice(2);
const proxy = createProxyServer({ agent: new Agent({ keepAlive: true, maxSockets: 64 }), xfwd: true });
proxy.on("error", (_error, _request, response) => response.writeHead(502).end());

let turn = 0;
createServer((request, response) => {
  turn = (turn + 1) % origins.length;
  proxy.web(request, response, { target: origins[turn] ?? "" });
}).listen(Number(port), "127.0.0.1");
