// Checks that the arrows of the house point one way: contracts ← policies ← everything, and the two halves meet nowhere else.
// Also that policies stay pure, files stay small and each opens by saying what it owns. Reads text only, changes nothing.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { codeOf, type Import, readImports } from "./source-text.ts";

const LINES_MAX = 250;
const ROOTS = ["src", "durable-objects", "migrations", "examples", "scripts", "test"];

/** What files may import: paths of the project (a folder with its slash covers all below) and modules from outside. */
type Layer = { readonly files: RegExp; readonly imports: readonly string[]; readonly packages?: RegExp };

const CORE = ["src/contracts/", "src/policies/"];
/** Belongs to no layer: every part that runs writes its log and bounds its waits in one form. Stands on nothing itself. */
const GROUND = ["src/log.ts", "src/deadline.ts"];
const REACH = [...CORE, ...GROUND, "src/objects.ts"];
/** Calls instances of pools: requests are sent from isolates, probes from an object. */
const INSTANCES = "src/instances/";
const CONTROL = [...REACH, INSTANCES, "src/http/", "src/isolate/", "src/routes/", "package.json"];
const FROM_NPM = /^(?!(?:cloudflare|node|workerd):)/;
const NOTHING = /(?!)/;

/** The first that fits a file counts; `$1` stands for the noun in its path. Deployed code that fits none is a problem by itself. */
const LAYERS: readonly Layer[] = [
  { files: /^src\/contracts\//, imports: ["src/contracts/"], packages: FROM_NPM },
  { files: /^src\/policies\//, imports: CORE, packages: /^valibot$/ },
  { files: /^src\/(?:log|deadline)\.ts$/, imports: [], packages: NOTHING },
  { files: /^src\/objects\.ts$/, imports: CORE },
  { files: /^src\/instances\//, imports: [...CORE, ...GROUND, INSTANCES] },
  { files: /^src\/http\//, imports: [...REACH, "src/http/"] },
  { files: /^src\/isolate\//, imports: [...REACH, INSTANCES, "src/http/", "src/isolate/"] },
  { files: /^src\/traffic\//, imports: [...CORE, ...GROUND, INSTANCES, "src/http/", "src/isolate/", "src/traffic/"] },
  { files: /^src\/routes\//, imports: CONTROL },
  { files: /^src\/control-guards\.ts$/, imports: CONTROL },
  // The router mounts explain, which takes the data plane's own steps without sending anything.
  { files: /^src\/router\.ts$/, imports: [...CONTROL, "src/control-guards.ts", "src/traffic/explain.ts"] },
  { files: /^src\/dashboard\//, imports: [...CORE, "src/dashboard/"] },
  {
    files: /^src\/index\.ts$/,
    imports: [...CORE, "src/http/", "src/isolate/", "src/traffic/", "src/router.ts", "durable-objects/index.ts"],
  },
  { files: /^durable-objects\/index\.ts$/, imports: ["durable-objects/"] },
  { files: /^durable-objects\/migrate\.ts$/, imports: CORE },
  {
    files: /^durable-objects\/([^/]+)\//,
    imports: [...REACH, INSTANCES, "durable-objects/$1/", "durable-objects/migrate.ts", "migrations/$1/"],
  },
  { files: /^migrations\/([^/]+)\//, imports: ["migrations/$1/", "durable-objects/migrate.ts"] },
  { files: /^examples\//, imports: ["examples/"] },
];

/** What a decision must get as an argument instead of reaching for it. */
const IMPURE =
  /\b(?:Date\.now|Math\.random|crypto\.(?:getRandomValues|randomUUID)|performance\.now|scheduler\.wait)\b|\bnew Date\(\s*\)|(?<![.\w])(?:fetch|setTimeout|setInterval)\s*\(/g;

/** Every arrow that points the wrong way and every file out of shape, as `path:line: what`. */
export function findLayerProblems(root: string): readonly string[] {
  return ROOTS.flatMap((folder) => listSources(root, folder)).flatMap((file) => {
    const source = readFileSync(join(root, file), "utf8");
    return [
      ...importProblems(file, readImports(source)),
      ...purityProblems(file, source),
      ...shapeProblems(file, source),
    ];
  });
}

function importProblems(file: string, imports: readonly Import[]): readonly string[] {
  const layer = LAYERS.find(({ files }) => files.test(file));
  if (layer === undefined && !/^(?:src|durable-objects|migrations)\//.test(file)) return [];
  if (layer === undefined) return [`${file}:1: stands in no layer; scripts/check-layers.ts names them`];
  const noun = layer.files.exec(file)?.[1] ?? "";
  const allowed = layer.imports.map((path) => path.replace("$1", noun));
  return imports
    .filter((one) => !mayImport(file, one, allowed, layer))
    .map((one) => `${file}:${one.line}: must not import ${one.module ?? "what only run time knows"}`);
}

function mayImport(file: string, { module }: Import, allowed: readonly string[], layer: Layer): boolean {
  if (module === undefined) return false;
  if (!module.startsWith(".")) return layer.packages?.test(module) ?? true;
  const path = posix.join(posix.dirname(file), module);
  return allowed.some((entry) => (entry.endsWith("/") ? path.startsWith(entry) : path === entry));
}

function purityProblems(file: string, source: string): readonly string[] {
  if (!file.startsWith("src/policies/")) return [];
  return codeOf(source)
    .split("\n")
    .flatMap((line, i) =>
      [...line.matchAll(IMPURE)].map(([what]) => `${file}:${i + 1}: a policy must not use ${what}`),
    );
}

function shapeProblems(file: string, source: string): readonly string[] {
  if (file.startsWith("test/")) return [];
  const lines = source.trimEnd().split("\n");
  const opening = lines[0]?.startsWith("#!") ? lines[1] : lines[0];
  return [
    ...(lines.length > LINES_MAX
      ? [`${file}:${LINES_MAX}: has ${lines.length} lines, at most ${LINES_MAX} are allowed`]
      : []),
    ...(/^\/[/*]/.test(opening ?? "") ? [] : [`${file}:1: must open with a comment that says what it owns`]),
  ];
}

/** Paths of all .ts files but declarations below `folder`, relative to `root` and with forward slashes. */
function listSources(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /(?<!\.d)\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => posix.relative(root, posix.join(entry.parentPath, entry.name)))
    .filter((path) => !/(?:^|\/)(?:node_modules|\.wrangler)\//.test(path))
    .sort();
}

if (import.meta.main) {
  const problems = findLayerProblems(join(import.meta.dirname, ".."));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
