// Command line and environment of `npm start`, read into one plain value. Pure: touches no file and no port.

import path from "node:path";
import { parseArgs } from "node:util";
import { reasonOf, StartProblem } from "./start-problem.ts";

/** Each isolate is one socket and one V8 heap of the same process: more than this proves nothing further. */
const ISOLATES_MAX = 64;
const PORT_MAX = 65_535;
const PORT_DEFAULT = "8787";
const STATE_DIR_DEFAULT = ".signalbox/state";

export type StartOptions = {
  /** The first of `isolates` ports in a row. */
  readonly port: number;
  readonly isolates: number;
  /** Absolute. */
  readonly stateDir: string;
  /** Absolute; undefined where `--config` wasn't given. */
  readonly configFile: string | undefined;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** What is given as a relative path is meant from `cwd`; the default state folder belongs to the checkout at `root`. */
export type Places = { readonly cwd: string; readonly root: string };

/** PORT and STATE_DIR count as absent when empty, as in `${PORT:-8787}`. */
export function readStartOptions(args: readonly string[], environment: Environment, places: Places): StartOptions {
  const given = parseFlags(args);
  const isolates = wholeNumber("--isolates", given.isolates ?? "1", ISOLATES_MAX);
  const port = wholeNumber("PORT", environment.PORT || PORT_DEFAULT, PORT_MAX);
  if (port + isolates - 1 > PORT_MAX) {
    throw new StartProblem(
      `PORT ${port} leaves no room for ${isolates} isolates: the last port would be ${port + isolates - 1}`,
    );
  }
  const stateDir = environment.STATE_DIR
    ? path.resolve(places.cwd, environment.STATE_DIR)
    : path.join(places.root, STATE_DIR_DEFAULT);
  const configFile = given.config === undefined ? undefined : path.resolve(places.cwd, given.config);
  return { port, isolates, stateDir, configFile };
}

function parseFlags(args: readonly string[]): { isolates?: string; config?: string } {
  try {
    const flags = { isolates: { type: "string" }, config: { type: "string" } } as const;
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new StartProblem(`${reasonOf(error)}; usage: npm start -- [--isolates N] [--config FILE]`);
  }
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max)
    throw new StartProblem(`${name} must be a whole number from 1 to ${max}, not "${text}"`);
  return value;
}
