// What runs under workerd, as plain data: each Worker's code, bindings and object classes.
// Built from the wrangler.jsonc files by plane-workers.ts, turned into workerd's language by workerd-config.ts.

export type WorkerBinding =
  | { readonly kind: "text"; readonly name: string; readonly value: string }
  | { readonly kind: "json"; readonly name: string; readonly value: unknown }
  /** The value is read from workerd's environment at launch, so that it is never on disk. */
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "service"; readonly name: string; readonly service: string; readonly entrypoint?: string }
  | { readonly kind: "objects"; readonly name: string; readonly className: string }
  | { readonly kind: "bucket"; readonly name: string; readonly bucket: string };

export type WorkerSpec = {
  readonly name: string;
  /** Source file, absolute. */
  readonly entry: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly bindings: readonly WorkerBinding[];
};

/** The object classes a Worker binds, in the order of their bindings. */
export const classesOf = (worker: WorkerSpec): readonly string[] => [
  ...new Set(worker.bindings.flatMap((binding) => (binding.kind === "objects" ? [binding.className] : []))),
];

/** The file name of a Worker's bundle. */
export const bundleName = (worker: WorkerSpec): string => `${worker.name}.js`;
