// When a forwarded request stops being in flight.

/** A small declared body is on its way by the time its headers are; anything else holds its instance until it has gone by. */
const SMALL_BODY_BYTES_MAX = 65_536;

export type ReleaseFacts = {
  readonly hasBody: boolean;
  /** Undefined when the length is not declared. */
  readonly contentLength: number | undefined;
};

export const endsAtHeaders = ({ hasBody, contentLength }: ReleaseFacts): boolean =>
  !hasBody || (contentLength !== undefined && contentLength <= SMALL_BODY_BYTES_MAX);
