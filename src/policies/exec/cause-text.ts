// Why something could not be done, for people, as it is kept with an exec or shown of an executor. Called by those who ask executors.

const CHARACTERS_MAX = 300;

/** `why`: what was thrown or answered; strangers wrote it, so only its beginning is told. */
export const causeText = (what: string, why: unknown): string =>
  `${what}: ${String(why)}`.slice(0, CHARACTERS_MAX).trim();
