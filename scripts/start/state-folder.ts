// The state folder: laid out, proven writable and held by exactly one live plane.

import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { takeLock } from "./process-lock.ts";
import { errorCode, reasonOf, StartProblem } from "./start-problem.ts";

export type StateFolder = {
  readonly dir: string;
  /** Databases of the objects, one folder per class. */
  readonly objects: string;
  /** What is in the buckets. */
  readonly buckets: string;
  /** Bundles and workerd's configuration, written anew at each start. */
  readonly build: string;
  readonly runFile: string;
  /** No object has ever been written. */
  readonly isEmpty: boolean;
  /** Lets the next start in; the system does so by itself when this process dies. */
  release(): void;
};

/** Sessions and audit rows lie here: for the owner's eyes. */
const PRIVATE = { mode: 0o700 } as const;

/** The lock is kept for as long as the process lives or until `release`. */
export function openStateFolder(dir: string): StateFolder {
  const folder = {
    dir,
    objects: path.join(dir, "objects"),
    buckets: path.join(dir, "buckets"),
    build: path.join(dir, "build"),
    runFile: path.join(dir, "run.json"),
  };
  const lock = layOut(dir, [folder.objects, folder.buckets, folder.build]);
  if (lock === undefined) throw new StartProblem(`state folder ${dir} is in use by a running plane`);
  return { ...folder, isEmpty: holdsNoObject(folder.objects), release: () => lock.release() };
}

function layOut(dir: string, below: readonly string[]) {
  try {
    for (const folder of [dir, ...below]) {
      makeFolder(folder);
      accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    }
    return takeLock(path.join(dir, "lock.db"));
  } catch (error) {
    throw new StartProblem(`state folder ${dir} is not writable: ${errorCode(error) ?? "error"} (${reasonOf(error)})`);
  }
}

/** With what is missing above it. Node's own `recursive` never ends where nothing can be made, as below /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  try {
    mkdirSync(folder, PRIVATE);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** workerd makes the folders of the classes at once, an object's database at its first use. A file beside them is somebody else's. */
const holdsNoObject = (objects: string): boolean =>
  !readdirSync(objects)
    .map((name) => path.join(objects, name))
    .filter((entry) => statSync(entry, { throwIfNoEntry: false })?.isDirectory())
    .some((folder) => readdirSync(folder).some((file) => OBJECT_DATABASE.test(file)));
const OBJECT_DATABASE = /^[0-9a-f]{64}\.sqlite$/;
