// When a forwarded request stops being in flight.

/** A small declared body is on its way by the time its headers are; anything else holds its instance until it has gone by. */
const SMALL_BODY_BYTES_MAX = 65_536;

/** For a response with a body; `contentLength` is undefined when it is not declared. */
export const endsAtHeaders = (contentLength: number | undefined): boolean =>
  contentLength !== undefined && contentLength <= SMALL_BODY_BYTES_MAX;
