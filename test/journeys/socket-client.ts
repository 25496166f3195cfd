// A WebSocket client for journeys: opens through a plane, remembers what it hears, and says how it ended.

import WebSocket from "ws";

export type Client = {
  readonly socket: WebSocket;
  /** The handshake's answer. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Text as text, bytes as bytes. */
  readonly heard: readonly (string | Buffer)[];
  readonly closed: Promise<readonly [code: number, reason: string]>;
  /** What came back first after `frame` was sent. */
  readonly ask: (frame: string | Buffer) => Promise<string | Buffer>;
};

export type OpenOptions = { readonly protocols?: string[]; readonly headers?: Record<string, string> };

/** `url` as of a plane: http. Rejects where the handshake is refused. */
export async function openSocket(url: string, { protocols = [], headers = {} }: OpenOptions = {}): Promise<Client> {
  const socket = new WebSocket(url.replace("http", "ws"), protocols, { headers });
  const heard: (string | Buffer)[] = [];
  socket.on("message", (data, isBinary) => heard.push(isBinary ? (data as Buffer) : data.toString()));
  const closed = new Promise<readonly [number, string]>((resolve) =>
    socket.once("close", (code, reason) => resolve([code, reason.toString()])),
  );
  let answered: Client["headers"] = {};
  socket.once("upgrade", (response) => {
    answered = response.headers;
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.on("error", () => undefined);
  const ended = closed.then(([code]) => {
    throw new Error(`closed with ${code}`);
  });
  ended.catch(() => undefined);
  const ask = (frame: string | Buffer) => {
    const answered = new Promise<string | Buffer>((resolve) =>
      socket.once("message", (data, isBinary) => resolve(isBinary ? (data as Buffer) : data.toString())),
    );
    socket.send(frame);
    return Promise.race([answered, ended]);
  };
  return { socket, headers: answered, heard, closed, ask };
}

/** With what status a handshake is refused, and by which code; 101 where it is not. */
export function handshakeStatus(url: string, headers: Record<string, string> = {}): Promise<readonly [number, string]> {
  const socket = new WebSocket(url.replace("http", "ws"), { headers });
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.terminate();
      resolve([101, ""]);
    });
    socket.once("error", reject);
    socket.once("unexpected-response", async (_, response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve([response.statusCode ?? 0, (JSON.parse(text) as { code: string }).code]);
    });
  });
}
