// A WebSocket server that sends back what it hears. Started by the bench as `node echo-origin.ts PORT`.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const server = createServer((_, response) => void response.writeHead(200, { "Content-Length": 2 }).end("ok"));
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
