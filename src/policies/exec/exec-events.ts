// An exec's output as server-sent events (the HTML standard, §9.2): one per piece, named by its stream, with its seq as id, so that
// a client which lost its connection goes on where it was; at last `end`, with the exec as it ended. Called by the stream route.

import { type ExecOutput, isTerminal } from "../../contracts/exec.ts";

export type EventPage = {
  readonly text: string;
  /** Where to go on. */
  readonly after: number;
  readonly isEnd: boolean;
};

/** Keeps proxies from taking a silent stream for a dead one. */
const KEEP_ALIVE = ": keep-alive\n\n";

export function toEvents({ exec, chunks, more, capped }: ExecOutput, after: number): EventPage {
  const events = chunks.map(({ seq, stream, text }) => event(stream, seq, { text }));
  const reached = chunks.at(-1)?.seq ?? after;
  if (more || !isTerminal(exec.status)) {
    return { text: events.join("") || KEEP_ALIVE, after: reached, isEnd: false };
  }
  return { text: events.join("") + event("end", reached + 1, { ...exec, capped }), after: reached + 1, isEnd: true };
}

/** Whether a client that has seen `after` has seen the end too: it is told to ask no more. */
export const hasSeenEnd = ({ exec, lastSeq }: ExecOutput, after: number): boolean =>
  isTerminal(exec.status) && after > lastSeq;

const event = (name: string, id: number, data: object): string =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
