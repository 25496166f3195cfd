// How the executor of this deployment stands, as it was just found.

/** `running`: user → commands that run, of users who have any. `silent` may pass; a key that is `refused` needs an operator. */
export type ExecutorStanding =
  | { readonly kind: "answers"; readonly running: ReadonlyMap<string, number> }
  | { readonly kind: "unset" }
  | { readonly kind: "silent" | "refused"; readonly cause: string };
