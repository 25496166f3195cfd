// What is on disk of one run: its record, the process that carries it, its output, how it ended. Owns the names of these files.
// The record is durable before anything begins; the rest only has to outlive processes.

import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import path from "node:path";
import { isRunRecord, isStopReason, type RunRecord, type StopReason } from "./run-record.ts";

export type Carrier = { readonly pid: number; readonly start: string };
export type StreamName = "stdout" | "stderr";

export class RunFolder {
  readonly path: string;
  constructor(folder: string) {
    this.path = folder;
  }

  /** The folder with its record, synced with everything that leads to it. */
  async create(record: RunRecord): Promise<void> {
    await mkdir(this.path, { mode: 0o700 });
    await synced(path.join(this.path, "record.json"), "wx", JSON.stringify(record));
    await synced(this.path, "r");
    await synced(path.dirname(this.path), "r");
  }

  /** Undefined where it was never written whole: nothing has begun then. */
  record(): RunRecord | undefined {
    return parsed(this.#text("record.json"), isRunRecord);
  }

  carrier(): Carrier | undefined {
    return parsed(this.#text("carrier.json"), isCarrier);
  }

  writeCarrier(carrier: Carrier): void {
    this.#write("carrier.json", JSON.stringify(carrier));
  }

  /**
   * Written before the first signal, so that another agent which finds the run ended knows by whom. A disk that takes nothing more
   * keeps no run from being ended.
   */
  writeStop(reason: StopReason): void {
    try {
      this.#write("stop", reason);
    } catch (error) {
      process.stderr.write(`agent: ${this.path}: the reason to end it is not written down: ${String(error)}\n`);
    }
  }

  stopReason(): StopReason | undefined {
    const text = this.#text("stop");
    return isStopReason(text) ? text : undefined;
  }

  /** Written by the wrapper, whole once its line is ended. */
  exitCode(): number | undefined {
    const text = this.#text("exit");
    return text?.endsWith("\n") ? Number(text) : undefined;
  }

  /** All output is in its files, and the wrapper is about to end. */
  isDone(): boolean {
    return existsSync(path.join(this.path, "done"));
  }

  /** When its exit code was written, else now. */
  endedAtMs(): number {
    return Math.floor(statSync(path.join(this.path, "exit"), { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  }

  size(stream: StreamName): number {
    return statSync(path.join(this.path, stream), { throwIfNoEntry: false })?.size ?? 0;
  }

  async read(stream: StreamName, from: number, length: number): Promise<Buffer> {
    if (length <= 0) return Buffer.alloc(0);
    const file = await open(path.join(this.path, stream));
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, from);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  #text(name: string): string | undefined {
    try {
      return readFileSync(path.join(this.path, name), "utf8");
    } catch {
      return undefined;
    }
  }

  /** Whole or not at all, whenever this process is killed. */
  #write(name: string, text: string): void {
    const file = path.join(this.path, name);
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}

async function synced(file: string, flags: string, text?: string): Promise<void> {
  const handle: FileHandle = await open(file, flags, 0o600);
  try {
    if (text !== undefined) await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined for what a crash of the whole machine, or anybody else, has made of it. */
function parsed<T>(text: string | undefined, isWhole: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return isWhole(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isCarrier(value: unknown): value is Carrier {
  if (typeof value !== "object" || value === null) return false;
  const { pid, start } = value as Partial<Carrier>;
  return Number.isSafeInteger(pid) && Number(pid) > 1 && typeof start === "string";
}
