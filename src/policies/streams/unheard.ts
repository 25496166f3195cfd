// How much may lie in wait for one side of a relayed WebSocket. The platform queues without end and tells nobody how much,
// so everything counts that was sent to a side since it last said anything.

/** Two of the largest frames there may be. */
export const UNHEARD_BYTES_MAX = 67_108_864;
/** What a frame takes beside its payload, also where that is empty. */
const FRAME_BYTES = 64;

/** What lies in wait at most once a frame of `bytes` is added, or undefined when that is too much. */
export function addUnheard(unheardBytes: number, bytes: number): number | undefined {
  const sum = unheardBytes + bytes + FRAME_BYTES;
  return sum > UNHEARD_BYTES_MAX ? undefined : sum;
}
