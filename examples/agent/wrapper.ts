// The small shell script that carries one command: it outlives the agent, so that output and exit code are never lost with it.
// It leads a process group of its own, to which the command belongs. No text of a user's ever becomes part of the script.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { processStart } from "./process-start.ts";
import type { RunFolder } from "./run-folder.ts";
import { Rejected, type UserPlace } from "./user-folder.ts";

/**
 * Arguments: the run's folder, the size of a stream's file in blocks of 512 bytes, the command.
 * - It begins when it is sent a line: until then the agent has not written down which process it is, and if it dies first nothing runs.
 * - SIGTERM to the group ends the command; the script lives on to write the exit code, and what copies output to copy the rest. So it
 *   does through whatever else a command may send to its own group (`kill -INT 0`).
 * - Output goes through pipes: of a file, the command could cut off what it wrote itself (`> /dev/stdout`). A file that is full
 *   takes no more, and the rest is read and thrown away.
 * - `exec` never means a builtin or a function of the shell, so argv is a program's and nothing else.
 * - `done` says that all output is in its files. Then whatever the command left running in its group goes, and the script with it.
 */
const SCRIPT = `unset agent_run agent_blocks; agent_run=$1 agent_blocks=$2; shift 2
read -r _ || exit
trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2
keep() { trap "" HUP INT QUIT PIPE ALRM TERM USR1 USR2 XFSZ; (ulimit -f "$agent_blocks"; exec /bin/cat >"$agent_run/$1") || exec /bin/cat >/dev/null; }
{ { trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2; (exec "$@" </dev/null >&3 2>&4 3>&- 4>&-); echo $? >"$agent_run/exit"; } 4>&1 >/dev/null | keep stderr 3>&-; } 3>&1 | keep stdout
: >"$agent_run/done"
kill -9 0`;

const BLOCK_BYTES = 512;

type Carrying = ChildProcessByStdio<Writable, null, null>;

export type Launch = {
  readonly folder: RunFolder;
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly place: UserPlace;
  readonly outputBytesMax: number;
};

/** What dash takes; at any other it ends before it has read its script, and the command would be called lost. */
const OPTIND = /^\d{1,9}$/;

/** Begins the command, after its process is written down. Throws where there can be no process. */
export async function launch({ folder, command, env, place, outputBytesMax }: Launch): Promise<Carrying> {
  if (!OPTIND.test(env.OPTIND ?? "1")) throw new Rejected("the variable OPTIND must be a number");
  const argv = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  // One block more than is kept shows that there was more.
  const blocks = Math.ceil(outputBytesMax / BLOCK_BYTES) + 1;
  const child = spawn("/bin/sh", ["-c", SCRIPT, "sh", folder.path, String(blocks), ...argv], {
    cwd: place.cwd,
    env: { ...baseEnvironment(place), ...env } as NodeJS.ProcessEnv,
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  await spawned(child);
  const { pid = 0, stdin } = child;
  // Whoever is gone by now is found gone.
  stdin.on("error", () => {});
  try {
    folder.writeCarrier({ pid, start: processStart(pid) ?? "" });
  } catch (error) {
    stdin.destroy();
    throw error;
  }
  stdin.end("go\n");
  return child;
}

/** Nothing of the agent's own environment, in which its key is. */
const baseEnvironment = ({ home, cwd }: UserPlace): Readonly<Record<string, string>> => ({
  PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
  LANG: "C.UTF-8",
  HOME: home,
  PWD: cwd,
});

function spawned(child: Carrying): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("spawn", resolve);
  child.once("error", reject);
  return promise;
}
