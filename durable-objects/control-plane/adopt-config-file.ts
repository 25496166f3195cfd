// Puts the configuration file that a start may hand over in CONFIG_FILE into force, when it is due. Called by the ControlPlane object
// as it wakes: without a file it reads nothing.

import { describeBindings, findText } from "../../src/contracts/bindings.ts";
import { log } from "../../src/log.ts";
import { isFileDue, readConfigFile } from "../../src/policies/config/config-file.ts";
import { decideChange } from "../../src/policies/config/decide-change.ts";
import type { ControlPlaneTables } from "./control-plane-tables.ts";

export type Adoption = {
  readonly env: Env;
  readonly tables: ControlPlaneTables;
  readonly storage: DurableObjectStorage;
  /** Makes a document's text the version in force. */
  readonly store: (text: string) => void;
};

/** A file that is not valid is named in the log, and what is in force stays in force. */
export function adoptConfigFile({ env, tables, storage, store }: Adoption): void {
  const file = readConfigFile(findText(env, "CONFIG_FILE") ?? "");
  if (!file.ok) logRefused(file);
  if (!file.ok || file.value === undefined) return;
  const { digest, document } = file.value;
  const { fileDigest } = tables.state();
  if (!isFileDue(file.value, { version: tables.newestVersion(), fileDigest })) return;
  const decided = decideChange({ next: document, current: tables.newest(), bindings: describeBindings(env) });
  if (!decided.ok) {
    logRefused(decided);
    return;
  }
  const { changed, text } = decided.value;
  storage.transactionSync(() => {
    if (changed) store(text);
    // Remembered also where it says what is in force already.
    tables.recordFile(digest);
  });
}

type Refused = { readonly code: string; readonly detail?: string; readonly data?: object };

const logRefused = ({ code, detail, data }: Refused): void =>
  log("error", "configuration file refused", { code, detail, ...data });
