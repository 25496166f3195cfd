// Base64url without padding (RFC 4648 §5), with what every runtime has.

/** 3 bytes become 4 characters; the result is the only spelling we accept back. */
const toBase64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

/** The bytes of a canonical text (padding allowed), or undefined: spare bits that are set make two texts of one value. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bare = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9_-]*$/.test(bare) || bare.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(atob(bare.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  return toBase64url(bytes) === bare ? bytes : undefined;
}
