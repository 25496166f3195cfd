// What a request lends to the work it starts: the runtime may end work that no request keeps alive.

export type Lifetime = Pick<ExecutionContext, "waitUntil">;
