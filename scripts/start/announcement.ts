// What a start tells the person at the terminal: where the plane listens, where its admin secret is kept and what to
// paste next. Pure text; the secret's value is never an argument.

import { HOST } from "./ports.ts";

export type Announced = {
  readonly ports: readonly number[];
  readonly stateDir: string;
  /** Where the admin secret came from; `command` prints it when pasted into bash. */
  readonly secret: { readonly place: string; readonly command: string };
  /** Host and path of an example app, where the example configuration is the one in force. */
  readonly app: { readonly host: string; readonly path: string } | undefined;
};

/** Lines to print, the last of which programs wait for. */
export function announcement({ ports, stateDir, secret, app }: Announced): readonly string[] {
  const urls = ports.map((port) => `http://${HOST}:${port}`);
  const [url = ""] = urls;
  const second = app ? `curl -H 'Host: ${app.host}' ${url}${app.path}` : `curl ${url}/version`;
  return [
    `listening on   ${urls.join(" ")}`,
    `state in       ${stateDir}`,
    `admin secret   ${secret.place}`,
    "try",
    `  curl ${url}/health`,
    `  ${second}`,
    `  curl -H "X-Admin-Secret: ${secret.command}" ${url}/api/super/config`,
    `signalbox ready on ${url}`,
  ];
}

/** How to get at a value kept in `.dev.vars` of the current folder; `text` is what stands there. */
export function commandFor(name: string, value: string, text: string): string {
  const plain = [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map((match) => match[1]);
  if (plain.length === 1 && plain[0] === value) return `$(sed -n 's/^${name}=//p' .dev.vars)`;
  // Quoted, spaced or repeated: only the parser that the plane uses reads it right.
  return `$(node -p 'require("util").parseEnv(require("fs").readFileSync(".dev.vars","utf8")).${name}')`;
}
