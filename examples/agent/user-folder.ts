// The folders commands run in: one per user, made when it is first needed. A working directory never leads out of it, not even
// through symbolic links. That keeps honest commands apart; it is no jail: all commands have the agent's own rights.

import { mkdir, realpath, stat } from "node:fs/promises";
import path from "node:path";

/** A reason not to run a command at all. */
export class Rejected extends Error {}

export type UserPlace = { readonly home: string; readonly cwd: string };

/** Throws Rejected where `workingDir` is not a folder of the user's. */
export async function resolveUserPlace(users: string, userId: string, workingDir: string): Promise<UserPlace> {
  const folder = path.join(users, userId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const home = await realpath(folder);
  if (home !== path.join(await realpath(users), userId)) throw new Rejected("the user's folder is a symbolic link");
  const cwd = await existing(path.resolve(home, workingDir));
  if (cwd !== home && !cwd.startsWith(home + path.sep)) throw new Rejected("workingDir leaves the user's folder");
  return { home, cwd };
}

async function existing(folder: string): Promise<string> {
  try {
    const found = await realpath(folder);
    if ((await stat(found)).isDirectory()) return found;
  } catch {
    // Said below.
  }
  throw new Rejected("workingDir is not a folder");
}
