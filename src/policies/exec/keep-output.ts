// How much of what comes of a stream is kept, and in which pieces. Called by the ExecResultStore object for every news of a run.

/** A row of the database holds 2 MB at most. */
const PIECE_BYTES_MAX = 1_048_576;

/** `pieces` together are the beginning of `bytes`; `isCut`: the rest is beyond the cap. */
export type KeptOutput = { readonly pieces: readonly Uint8Array[]; readonly bytes: number; readonly isCut: boolean };

export function keepOutput(bytes: Uint8Array, keptBefore: number, bytesMax: number): KeptOutput {
  const room = Math.max(0, bytesMax - keptBefore);
  const kept = bytes.subarray(0, room);
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < kept.byteLength; from += PIECE_BYTES_MAX)
    pieces.push(kept.subarray(from, from + PIECE_BYTES_MAX));
  return { pieces, bytes: kept.byteLength, isCut: bytes.byteLength > room };
}
