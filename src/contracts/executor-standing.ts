// How those who run users' commands stand, as was just found: one agent for everybody, or a container for each user.

/** `running`: user → commands that run, of users who have any. `silent` may pass; a key that is `refused` needs an operator. */
export type ExecutorStanding =
  | { readonly kind: "answers"; readonly running: ReadonlyMap<string, number> }
  /** Of users whose object answered. */
  | { readonly kind: "containers"; readonly of: ReadonlyMap<string, ContainerStanding> }
  | { readonly kind: "unset" }
  | { readonly kind: "silent" | "refused"; readonly cause: string };

/** A user's own container, as the user's ExecResultStore object has it; `none` where objects have none. */
export type ContainerStanding = { readonly container: "up" | "down" | "none"; readonly running: number };
