// Checks migrations/<noun>/: numbered without gaps, all listed in order by that folder's index.ts, and never changed once recorded.
// migrations/checksums.json records each file; `npm run migrations:record` (`--write`) adds new files to it and touches no line that is there.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE_NAME = /^(\d{4})_([a-z0-9]+(?:[_-][a-z0-9]+)*)\.sql$/;
const IMPORT = /^import\s+(\w+)\s+from\s+"\.\/([^"]+\.sql)";?$/gm;
const ENTRY = /\{\s*number:\s*(\d+),\s*name:\s*"([^"]*)",\s*sql:\s*(\w+)\s*,?\s*\}/g;
const LOCK = "checksums.json";

type Checksums = { readonly [file: string]: string };
type Listed = { readonly file: string | undefined; readonly number: number; readonly name: string };

/** Everything wrong below `folder`, each with the path it is about. */
export function findMigrationProblems(folder: string): readonly string[] {
  const nouns = listNouns(folder);
  return [...nouns.flatMap((noun) => problemsOf(folder, noun)), ...lockProblems(folder, nouns)];
}

function problemsOf(folder: string, noun: string): readonly string[] {
  const files = readdirSync(join(folder, noun))
    .filter((name) => name !== "index.ts")
    .sort();
  const strangers = files.filter((name) => !FILE_NAME.test(name));
  if (strangers.length > 0) return strangers.map((name) => `${noun}/${name}: not named NNNN_what.sql`);
  return [...numberProblems(noun, files), ...indexProblems(folder, noun, files)];
}

const numberProblems = (noun: string, files: readonly string[]): readonly string[] =>
  files.flatMap((name, i) => {
    const expected = String(i + 1).padStart(4, "0");
    return name.startsWith(`${expected}_`) ? [] : [`${noun}/${name}: number ${expected} is expected here`];
  });

function indexProblems(folder: string, noun: string, files: readonly string[]): readonly string[] {
  const path = join(folder, noun, "index.ts");
  if (!existsSync(path)) return [`${noun}/index.ts: missing`];
  const listed = readListed(readFileSync(path, "utf8"));
  if (listed.length !== files.length)
    return [`${noun}/index.ts: lists ${listed.length} migrations, there are ${files.length} files`];
  return files.flatMap((file, i) =>
    isFor(listed[i], file) ? [] : [`${noun}/index.ts: entry ${i + 1} is not ${file} with its number and name`],
  );
}

function readListed(source: string): readonly Listed[] {
  const files = new Map([...source.matchAll(IMPORT)].map(([, variable, file]) => [variable, file]));
  return [...source.matchAll(ENTRY)].map(([, number, name, variable]) => ({
    file: files.get(variable),
    number: Number(number),
    name: name ?? "",
  }));
}

/** The name of 0001_what.sql is what; the whole stem says the same and is accepted too. */
function isFor(listed: Listed | undefined, file: string): boolean {
  const [, number, what] = FILE_NAME.exec(file) ?? [];
  return (
    listed?.file === file && listed.number === Number(number) && (listed.name === what || `${listed.name}.sql` === file)
  );
}

function lockProblems(folder: string, nouns: readonly string[]): readonly string[] {
  const recorded = readLock(folder);
  const present = checksums(folder, nouns);
  const changed = Object.keys(recorded).flatMap((file) => {
    if (present[file] === undefined) return [`${file}: recorded in ${LOCK}, but gone; migrations are append-only`];
    return present[file] === recorded[file]
      ? []
      : [`${file}: changed since it was recorded in ${LOCK}; add a new migration instead`];
  });
  const unrecorded = Object.keys(present).filter((file) => recorded[file] === undefined);
  return [...changed, ...unrecorded.map((file) => `${file}: not recorded yet; run npm run migrations:record`)];
}

/** Adds what is new; whatever is recorded stays as it is. Returns the files it added. */
export function recordNewMigrations(folder: string): readonly string[] {
  const recorded = readLock(folder);
  const present = checksums(folder, listNouns(folder));
  const added = Object.keys(present).filter((file) => recorded[file] === undefined);
  if (added.length === 0) return [];
  const sorted = Object.entries({ ...present, ...recorded }).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(join(folder, LOCK), `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
  return added;
}

const listNouns = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort()
    : [];

const readLock = (folder: string): Checksums =>
  existsSync(join(folder, LOCK)) ? (JSON.parse(readFileSync(join(folder, LOCK), "utf8")) as Checksums) : {};

const checksums = (folder: string, nouns: readonly string[]): Checksums =>
  Object.fromEntries(
    nouns.flatMap((noun) =>
      readdirSync(join(folder, noun))
        .filter((name) => name.endsWith(".sql"))
        .map((name) => [`${noun}/${name}`, sha256(readFileSync(join(folder, noun, name)))]),
    ),
  );

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

if (import.meta.main) {
  const folder = join(import.meta.dirname, "..", "migrations");
  if (process.argv.includes("--write")) for (const file of recordNewMigrations(folder)) console.log(`recorded ${file}`);
  const problems = findMigrationProblems(folder);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
