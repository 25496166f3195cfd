// By what an address counts: an IPv4 address by itself, an IPv6 address by its /64, which is the least one customer gets (RFC 6177).

const NETWORKS_MAX = 10_000;
const networks = new Map<string, string>();

/** The IPv4 address, or the /64 as `2001:db8:0:1::/64`; any other text as it is. Remembered, as the same clients come again. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const known = networks.get(address);
  if (known !== undefined) return known;
  const network = networkOfIpv6(address.toLowerCase());
  if (networks.size >= NETWORKS_MAX) networks.clear();
  networks.set(address, network);
  return network;
}

/** IPv4 as IPv6 spells it (RFC 4291 §2.5.5.2). */
const MAPPED = /^(?:0{0,4}:){1,5}:?ffff:(\d{1,3}(?:\.\d{1,3}){3})$/;
const GROUPS = 8;
const NETWORK_GROUPS = 4;

function networkOfIpv6(address: string): string {
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [plain = ""] = address.split("%", 1);
  const halves = plain.split("::");
  if (halves.length > 2) return address;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  // Dotted decimals stand for the last two groups, which no /64 shows.
  const missing = halves.length === 2 ? Math.max(0, GROUPS - head.length - tail.length) : 0;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16));
  if (network.length < NETWORK_GROUPS || network.some((group) => !(group >= 0 && group <= 0xffff))) return address;
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}
