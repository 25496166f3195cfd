// Cuts bytes of UTF-8 between characters: what follows of a character may still be on its way. Called by executors.

/** How many of `bytes` are whole characters; what is no UTF-8 at all counts as it is. */
export function wholeCharacters(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back] ?? 0;
    if (byte < 0x80) return length;
    if (byte >= 0xc0) return back < lengthOf(byte) ? length - back : length;
  }
  return length;
}

/** How many bytes a character has that begins with `lead`. */
const lengthOf = (lead: number): number => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2);
