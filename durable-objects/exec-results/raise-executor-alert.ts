// Where an executor that refuses our key is brought to somebody's notice: a line of the log. No exec can begin until that is mended.

import { log } from "../../src/log.ts";

export const raiseExecutorAlert = (cause: string): void => log("error", "executor refuses the key", { cause });
