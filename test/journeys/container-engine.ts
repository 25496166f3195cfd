// A stand-in for a container engine: enough of Docker's HTTP API on a Unix socket for workerd's `ctx.container`. Each "container" is a
// folder, and each command in it a child process in a group of its own. It isolates nothing: for tests only.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import path from "node:path";
import type { Duplex } from "node:stream";

type Box = {
  readonly folder: string;
  readonly config: { readonly Image?: string };
  isRunning: boolean;
  ingress?: Server;
};
type Exec = {
  readonly box: string;
  readonly config: { readonly Cmd: readonly string[]; readonly Env?: readonly string[] };
  child?: ChildProcess;
  code?: number;
};

export class ContainerEngine {
  /** Every command that was begun, without the engine's own. */
  readonly commands: string[][] = [];
  readonly #boxes = new Map<string, Box>();
  readonly #execs = new Map<string, Exec>();
  readonly #waiting: (() => void)[] = [];
  readonly #root: string;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async start(root: string, socket: string): Promise<ContainerEngine> {
    const engine = new ContainerEngine(root);
    engine.#server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      const id = /\/exec\/([^/]+)\/start$/.exec(request.url ?? "")?.[1] ?? "";
      stream.on("error", () => {});
      if (head.length >= Number(request.headers["content-length"] ?? 0)) engine.#run(id, stream);
      else stream.once("data", () => engine.#run(id, stream));
    });
    engine.#server.listen(socket);
    await once(engine.#server, "listening");
    return engine;
  }

  private constructor(root: string) {
    this.#root = root;
  }

  stop(): void {
    for (const { child } of this.#execs.values()) killGroup(child);
    for (const { ingress } of this.#boxes.values()) ingress?.close();
    for (const wake of this.#waiting.splice(0)) wake();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const url = new URL((request.url ?? "").replace(/^\/v[\d.]+/, ""), "http://engine");
    const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
    const reply = await this.#reply(`${request.method} ${url.pathname}`, url.searchParams, body);
    response.writeHead(reply === undefined ? 404 : (reply.status ?? 200), { "Content-Type": "application/json" });
    response.end(reply?.body === undefined ? undefined : JSON.stringify(reply.body));
  }

  async #reply(
    call: string,
    query: URLSearchParams,
    body: Record<string, unknown>,
  ): Promise<{ readonly status?: number; readonly body?: unknown } | undefined> {
    const [, noun = "", id = "", verb = ""] = /^[A-Z]+ \/(\w+)(?:\/([^/]+))?(?:\/(\w+))?/.exec(call) ?? [];
    if (noun === "_ping") return { body: "OK" };
    if (noun === "version") return { body: { ApiVersion: "1.44", Version: "26.0.0" } };
    if (noun === "info") return { body: { ServerVersion: "26.0.0" } };
    if (noun === "volumes") return { body: { Volumes: [] } };
    if (noun === "networks")
      return { body: { Name: "bridge", IPAM: { Config: [{ Subnet: "127.0.0.0/8", Gateway: "127.0.0.1" }] } } };
    if (noun === "images") return { body: { Id: `sha256:${"0".repeat(64)}`, Config: { ExposedPorts: {} } } };
    if (noun === "exec" && verb === "start") {
      this.#begin(id);
      return {};
    }
    if (noun === "exec") return this.#describeExec(id);
    if (noun !== "containers") return undefined;
    if (id === "json") return { body: [] };
    if (id === "create") return this.#create(query.get("name") ?? "", body);
    return await this.#container(`${call.split(" ")[0]} ${verb}`, id, body);
  }

  #create(name: string, config: Record<string, unknown>) {
    const folder = path.join(this.#root, name);
    mkdirSync(folder, { recursive: true });
    this.#boxes.set(name, { folder, config, isRunning: false });
    return { status: 201, body: { Id: name, Warnings: [] } };
  }

  async #container(verb: string, name: string, body: Record<string, unknown>) {
    const box = this.#boxes.get(name);
    if (box === undefined) return { status: 404, body: { message: `No such container: ${name}` } };
    switch (verb) {
      case "POST start":
        box.isRunning = true;
        if (name.endsWith("-proxy")) box.ingress = await startIngress();
        return { status: 204 };
      case "POST wait":
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        return { body: { StatusCode: 137 } };
      case "POST exec": {
        const id = `x${this.#execs.size + 1}`;
        this.#execs.set(id, { box: name, config: body as Exec["config"] });
        return { status: 201, body: { Id: id } };
      }
      case "GET json":
        return { body: describeBox(name, box) };
      case "DELETE ":
        box.ingress?.close();
        this.#boxes.delete(name);
        return { status: 204 };
      default:
        return { status: 204 };
    }
  }

  #describeExec(id: string) {
    const exec = this.#execs.get(id);
    return (
      exec && {
        body: { ID: id, Running: exec.code === undefined, ExitCode: exec.code ?? null, Pid: exec.child?.pid ?? 0 },
      }
    );
  }

  #run(id: string, stream: Duplex): void {
    stream.write(
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    );
    const child = this.#begin(id);
    child?.stdout?.on("data", (bytes: Buffer) => stream.write(frame(1, bytes)));
    child?.stderr?.on("data", (bytes: Buffer) => stream.write(frame(2, bytes)));
    child?.on("close", () => stream.end());
    if (child === undefined) stream.end();
  }

  #begin(id: string): ChildProcess | undefined {
    const exec = this.#execs.get(id);
    const folder = exec && this.#boxes.get(exec.box)?.folder;
    if (exec === undefined || folder === undefined) return undefined;
    const [program = "", ...args] = exec.config.Cmd;
    this.commands.push([...exec.config.Cmd]);
    const split = (one: string) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)];
    const env = { PATH: process.env.PATH, HOME: folder, ...Object.fromEntries((exec.config.Env ?? []).map(split)) };
    exec.child = spawn(program, args, { cwd: folder, env: env as unknown as NodeJS.ProcessEnv, detached: true });
    exec.child.on("error", () => {});
    exec.child.on("close", (code) => {
      exec.code = code ?? 137;
    });
    return exec.child;
  }
}

/** The first byte names the stream, the last four of eight how much follows. */
function frame(type: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head[0] = type;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

const describeBox = (name: string, { config, isRunning, ingress }: Box) => {
  const port = String((ingress?.address() as AddressInfo | undefined)?.port ?? 0);
  const exposed = Object.keys((config as { ExposedPorts?: object }).ExposedPorts ?? {});
  return {
    ...{ Id: name, Name: `/${name}`, Image: config.Image, Config: config },
    State: { Status: isRunning ? "running" : "exited", Running: isRunning, Pid: 1, ExitCode: 0 },
    NetworkSettings: {
      ...{ IPAddress: "127.0.0.1", Networks: { bridge: { IPAddress: "127.0.0.1" } } },
      Ports: Object.fromEntries(exposed.map((one) => [one, [{ HostIp: "127.0.0.1", HostPort: port }]])),
    },
  };
};

/** What stands between the platform and a container's ports; commands need none of them, but it is asked for. */
async function startIngress(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(200, { "Content-Type": "application/json" }).end("{}"));
  });
  server.on("connect", (request: IncomingMessage, client: Duplex) => {
    const upstream = connect(Number(request.url?.split(":").pop()), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    client.on("error", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function killGroup(child: ChildProcess | undefined): void {
  try {
    if (child?.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
