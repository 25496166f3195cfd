// A client that sends exactly the bytes it is given: Node's own clients tidy up what hostile ones do not.

import { connect } from "node:net";

const ANSWER_MS_MAX = 5_000;

/** Everything the server says until it closes the connection or nothing more comes for 300 ms after a whole head. */
export function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let said = "";
    const done = () => {
      socket.destroy();
      resolve(said);
    };
    let quiet: NodeJS.Timeout = setTimeout(done, ANSWER_MS_MAX);
    socket.on("data", (chunk) => {
      said += chunk.toString("latin1");
      clearTimeout(quiet);
      quiet = setTimeout(done, said.includes("\r\n\r\n") ? 300 : ANSWER_MS_MAX);
    });
    socket.on("close", () => {
      clearTimeout(quiet);
      resolve(said);
    });
    socket.on("error", reject);
  });
}

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };

/** One request with the Host and headers given, on a connection of its own. */
export async function ask(
  port: number,
  path: string,
  options: { host?: string; method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { host = "127.0.0.1", method = "GET", headers = {}, body = "" } = options;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  if (body !== "") lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  const said = await sendRaw(port, Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`, "utf8"));
  return parseAnswer(said);
}

export function parseAnswer(said: string): Answer {
  const split = said.indexOf("\r\n\r\n");
  const [first = "", ...lines] = said.slice(0, split).split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const rest = said.slice(split + 4);
  return {
    status: Number(first.split(" ")[1]),
    headers,
    body: headers.get("Transfer-Encoding") === "chunked" ? unchunk(rest) : rest,
  };
}

function unchunk(text: string): string {
  let whole = "";
  for (let rest = text; rest !== ""; ) {
    const end = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (!(size > 0)) break;
    whole += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 4 + size);
  }
  return whole;
}
