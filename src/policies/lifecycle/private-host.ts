// Whether a URL leads into a private network, to this machine or to a cloud's metadata, as far as its host says so. A name that resolves
// to such an address can't be told from any other. Judges the host as the URL parser has spelled it out, so that octal, hexadecimal and
// short forms of an address, and full-width digits, are seen for what they are.

/** [network, bits], from IANA's special-purpose registries; 168.63.129.16 is Azure's. */
const PRIVATE_V4: readonly (readonly [network: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
];

/** Names that stand for machines nearby; a name without a dot does too. */
const PRIVATE_SUFFIXES = ["localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "svc"];

/** For a URL that parses. */
export function isPrivateUrl(url: string): boolean {
  const host = new URL(url).hostname.replace(/\.+$/, "");
  if (host.startsWith("[")) return isPrivateV6(host.slice(1, -1));
  const v4 = readV4(host);
  return v4 === undefined ? isPrivateName(host) : isPrivateV4(v4);
}

const isPrivateName = (name: string): boolean =>
  !name.includes(".") || PRIVATE_SUFFIXES.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));

function readV4(host: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1);
  return parts?.reduce((address, part) => address * 256 + Number(part), 0);
}

const isPrivateV4 = (address: number): boolean =>
  PRIVATE_V4.some(([network, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor((readV4(network) ?? 0) / size);
  });

/** Everything but global unicast (2000::/3) is private; what carries an IPv4 address is judged by that. */
function isPrivateV6(host: string): boolean {
  const groups = readV6(host);
  const [first = 0, second = 0] = groups;
  const v4At = (index: number): number => (groups[index] ?? 0) * 65_536 + (groups[index + 1] ?? 0);
  // NAT64 (RFC 6052) and 6to4 (RFC 3056).
  if (first === 0x64 && second === 0xff9b) return groups[2] !== 0 || isPrivateV4(v4At(6));
  if (first === 0x2002) return isPrivateV4(v4At(1));
  // Mapped (RFC 4291).
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return isPrivateV4(v4At(6));
  const isTeredo = first === 0x2001 && second === 0;
  return isTeredo || first >> 13 !== 1;
}

/** Eight groups of a well-formed address, as the URL parser writes it: no dotted part. */
function readV6(host: string): number[] {
  const [head = "", tail] = host.split("::");
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

const groupsOf = (text: string): number[] =>
  text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
