// The migration check on small folders made for one case each.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findMigrationProblems, recordNewMigrations } from "../../scripts/check-migrations.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "migrations-"));
  mkdirSync(join(folder, "session"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, "session", name), text);

type Entry = { readonly file: string; readonly number: number; readonly name: string };
const writeIndex = (entries: readonly Entry[]) =>
  write(
    "index.ts",
    `${entries.map(({ file }, i) => `import m${i} from "./${file}";`).join("\n")}
     export const MIGRATIONS = [${entries.map(({ number, name }, i) => `{ number: ${number}, name: "${name}", sql: m${i} }`).join(", ")}];\n`,
  );

const INIT = { file: "0001_init.sql", number: 1, name: "init" };
const SECOND = { file: "0002_last-seen.sql", number: 2, name: "last-seen" };

/** Two migrations, listed and recorded. */
function sound() {
  write(INIT.file, "CREATE TABLE a (b);");
  write(SECOND.file, "ALTER TABLE a ADD c;");
  writeIndex([INIT, SECOND]);
  recordNewMigrations(folder);
}

describe("migrations in order", () => {
  it("pass, named by what they do or by their whole file name", () => {
    sound();
    expect(findMigrationProblems(folder)).toEqual([]);
    writeIndex([INIT, { ...SECOND, name: "0002_last-seen" }]);
    expect(findMigrationProblems(folder)).toEqual([]);
  });

  it("pass when there are none yet, and when there is no folder", () => {
    rmSync(join(folder, "session"), { recursive: true });
    expect(findMigrationProblems(folder)).toEqual([]);
    expect(findMigrationProblems(join(folder, "none"))).toEqual([]);
  });
});

describe("migrations out of order are named", () => {
  beforeEach(sound);

  it.each([
    ["a gap", "0004_more.sql"],
    ["the same number twice", "0002_more.sql"],
  ])("for %s", (_, file) => {
    write(file, "SELECT 1;");
    writeIndex([INIT, SECOND, { file, number: Number(file.slice(0, 4)), name: "more" }]);
    recordNewMigrations(folder);
    expect(findMigrationProblems(folder)).toEqual([`session/${file}: number 0003 is expected here`]);
  });

  it.each(["2_more.sql", "0003.sql", "0003_More.sql", "notes.txt"])("for the file name %s", (file) => {
    write(file, "SELECT 1;");
    recordNewMigrations(folder);
    expect(findMigrationProblems(folder)).toEqual([`session/${file}: not named NNNN_what.sql`]);
  });

  it.each([
    ["swapped", [SECOND, INIT]],
    ["with another number", [INIT, { ...SECOND, number: 3 }]],
    ["with another name", [INIT, { ...SECOND, name: "other" }]],
    ["from another file", [INIT, { ...SECOND, file: INIT.file }]],
  ])("when index.ts lists them %s", (_, entries) => {
    writeIndex(entries);
    expect(findMigrationProblems(folder)).toContain(
      "session/index.ts: entry 2 is not 0002_last-seen.sql with its number and name",
    );
  });

  it("when index.ts leaves one out, or is missing", () => {
    writeIndex([INIT]);
    expect(findMigrationProblems(folder)).toEqual(["session/index.ts: lists 1 migrations, there are 2 files"]);
    rmSync(join(folder, "session", "index.ts"));
    expect(findMigrationProblems(folder)).toEqual(["session/index.ts: missing"]);
  });
});

describe("recorded migrations are append-only", () => {
  beforeEach(sound);

  it("so one that changed by a byte is named, and recording again does not heal it", () => {
    write(INIT.file, "CREATE TABLE a (b); ");
    const changed = [
      "session/0001_init.sql: changed since it was recorded in checksums.json; add a new migration instead",
    ];
    expect(findMigrationProblems(folder)).toEqual(changed);
    expect(recordNewMigrations(folder)).toEqual([]);
    expect(findMigrationProblems(folder)).toEqual(changed);
    write("0003_more.sql", "SELECT 1;");
    writeIndex([INIT, SECOND, { file: "0003_more.sql", number: 3, name: "more" }]);
    expect(recordNewMigrations(folder)).toEqual(["session/0003_more.sql"]);
    expect(findMigrationProblems(folder)).toEqual(changed);
  });

  it("so one that is gone is named", () => {
    rmSync(join(folder, "session", SECOND.file));
    writeIndex([INIT]);
    expect(findMigrationProblems(folder)).toEqual([
      "session/0002_last-seen.sql: recorded in checksums.json, but gone; migrations are append-only",
    ]);
  });

  it("while a new one only needs recording, which leaves the old lines alone", () => {
    const before = JSON.parse(readFileSync(join(folder, "checksums.json"), "utf8"));
    const third = { file: "0003_more.sql", number: 3, name: "more" };
    write(third.file, "SELECT 1;");
    writeIndex([INIT, SECOND, third]);
    expect(findMigrationProblems(folder)).toEqual([
      "session/0003_more.sql: not recorded yet; run npm run migrations:record",
    ]);
    expect(recordNewMigrations(folder)).toEqual(["session/0003_more.sql"]);
    expect(findMigrationProblems(folder)).toEqual([]);
    expect(JSON.parse(readFileSync(join(folder, "checksums.json"), "utf8"))).toMatchObject(before);
  });
});
