// How each strategy that goes by load chooses on a snapshot. Those that go in turn choose so only for what has no turn to take.

import type { Strategy } from "../../contracts/balancing-config.ts";
import { pickByHash } from "./pick-by-hash.ts";
import { pickBySnapshot, type SnapshotLoad, type SnapshotPick } from "./pick-by-snapshot.ts";
import { pickTwoChoices } from "./pick-two-choices.ts";

type Pick = (loads: readonly SnapshotLoad[], pick: SnapshotPick) => number;

const PICKS: Readonly<Partial<Record<Strategy, Pick>>> = { "peak-ewma": pickTwoChoices, hash: pickByHash };

/** Index of the chosen instance; -1 when all are barred. */
export const pickByLoad = (strategy: Strategy): Pick => PICKS[strategy] ?? pickBySnapshot;
