// The proxies of the HTTP group where they are installed: each as one process with one thread, round-robin over the same origins
// with kept connections, its configuration in the bench's folder. Sets the forwarding headers each can set by itself.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { BenchProblem } from "./bench-problem.ts";
import { type Ending, findTool, launchProcess, type Running } from "./bench-process.ts";

export const PROXIES = ["http-proxy", "nginx", "haproxy", "caddy"] as const;
export type ProxyName = (typeof PROXIES)[number];

export type ProxyPlace = {
  readonly name: ProxyName;
  readonly port: number;
  readonly originPorts: readonly number[];
  /** Its own, made here. */
  readonly folder: string;
};

/** Throws a BenchProblem where it isn't installed or doesn't start. */
export async function launchProxy(place: ProxyPlace, ending: Ending): Promise<Running> {
  const { name, folder, port } = place;
  const file = name === "http-proxy" ? process.execPath : findTool(name);
  if (file === undefined) throw new BenchProblem("not installed here");
  mkdirSync(folder, { recursive: true });
  const environment = { GOMAXPROCS: "1", HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const command = [file, ...argumentsOf(place)] as const;
  return await launchProcess({ name, command, logFile: path.join(folder, "log"), environment, ports: [port] }, ending);
}

function argumentsOf(place: ProxyPlace): readonly string[] {
  const { name, port, originPorts, folder } = place;
  switch (name) {
    case "http-proxy":
      return [
        "--no-deprecation",
        path.join(import.meta.dirname, "node-proxy.ts"),
        String(port),
        ...originPorts.map((origin) => `http://127.0.0.1:${origin}`),
      ];
    case "nginx":
      return ["-p", folder, "-e", path.join(folder, "error.log"), "-c", written(folder, "nginx.conf", nginx(place))];
    case "haproxy":
      return ["-db", "-q", "-f", written(folder, "haproxy.cfg", haproxy(place))];
    case "caddy":
      return ["run", "--adapter", "caddyfile", "--config", written(folder, "Caddyfile", caddy(place))];
  }
}

function written(folder: string, name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const nginx = ({ port, originPorts, folder }: ProxyPlace): string => `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  upstream origins {
${originPorts.map((origin) => `    server 127.0.0.1:${origin};`).join("\n")}
    keepalive 64;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origins;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      add_header X-Request-Id $request_id;
    }
  }
}
`;

const haproxy = ({ port, originPorts }: ProxyPlace): string => `global
  nbthread 1
  maxconn 1024
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend bench
  bind 127.0.0.1:${port}
  unique-id-format %[uuid()]
  http-request set-header X-Request-Id %[unique-id]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  http-request set-header X-Forwarded-Proto http
  http-response set-header X-Request-Id %[unique-id]
  default_backend origins
backend origins
  balance roundrobin
${originPorts.map((origin, index) => `  server origin-${index + 1} 127.0.0.1:${origin}`).join("\n")}
`;

const caddy = ({ port, originPorts }: ProxyPlace): string => `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  header X-Request-Id {http.request.uuid}
  reverse_proxy ${originPorts.map((origin) => `127.0.0.1:${origin}`).join(" ")} {
    lb_policy round_robin
    header_up X-Request-Id {http.request.uuid}
    header_up X-Real-IP {remote_host}
    transport http {
      keepalive_idle_conns_per_host 64
    }
  }
}
`;
