// How a wait is told to clients: whole seconds, never none (RFC 9110 §10.2.3). Asked by refusals that say when to come again; reply.ts
// writes the header.

export const retryAfterSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));
