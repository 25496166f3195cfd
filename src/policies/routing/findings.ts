// Collects what compiling a document finds: problems refuse the document, warnings are told to whoever sent it.

import type { ConfigProblem } from "../../contracts/config.ts";
import { pathTo } from "../../contracts/problems.ts";

/** The keys that lead to a field, outermost first. */
export type Place = readonly (string | number)[];

export class Findings {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];

  problem(place: Place, message: string): void {
    this.problems.push({ path: pathTo(...place), message });
  }

  warn(place: Place, message: string): void {
    this.warnings.push({ path: pathTo(...place), message });
  }
}
