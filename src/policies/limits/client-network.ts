// By what an address counts: an IPv4 address by itself, an IPv6 address by its /64, which is the least one customer gets (RFC 6177).

const NETWORKS_MAX = 10_000;
const networks = new Map<string, string>();
/** More than any address with its zone. Longer text is none, and is not remembered. */
const ADDRESS_LENGTH_MAX = 100;

/** The IPv4 address, or the /64 as `2001:db8:0:1::/64`; any other text as it is. Remembered, as the same clients come again. */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.length > ADDRESS_LENGTH_MAX) return address;
  const known = networks.get(address);
  if (known !== undefined) return known;
  const groups = groupsOf(address.toLowerCase());
  const network = groups === undefined ? address : networkOfGroups(groups);
  if (networks.size >= NETWORKS_MAX) networks.clear();
  networks.set(address, network);
  return network;
}

const GROUPS = 8;
const NETWORK_GROUPS = 4;
const GROUP = /^[0-9a-f]{1,4}$/;
/** Dotted decimals for the last two groups (RFC 4291 §2.2). */
const DOTTED = /:(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** The eight groups as numbers; undefined for what is no IPv6 address. The zone says where it was heard, not who it is. */
function groupsOf(address: string): readonly number[] | undefined {
  const [plain = ""] = address.split("%", 1);
  const halves = plain.replace(DOTTED, dottedAsGroups).split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  return groups.every((group) => GROUP.test(group)) ? groups.map((group) => Number.parseInt(group, 16)) : undefined;
}

/** Numbers above 255 become groups too long to be any. */
function dottedAsGroups(_match: string, ...octets: readonly string[]): string {
  const [a = "", b = "", c = "", d = ""] = octets
    .slice(0, 4)
    .map((octet) => Number(octet).toString(16).padStart(2, "0"));
  return `:${a}${b}:${c}${d}`;
}

/** An IPv4 address that IPv6 maps (RFC 4291 §2.5.5.2) counts as what it is, however it is spelled. */
function networkOfGroups(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(-2);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
  return `${groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}
