// The address a request came from: the headers that policies/forwarding/client-address.ts judges, read only where they count.

import { clientAddress } from "../policies/forwarding/client-address.ts";

export type IpSource = { readonly clientIpSource: "peer" | "cloudflare"; readonly trustedHops: number };

/** Empty when there is nothing to believe. */
export function clientIpOf(request: Request, { clientIpSource, trustedHops }: IpSource): string {
  return clientAddress({
    source: clientIpSource,
    trustedHops,
    // Under workerd `cf` holds the socket's own address and nothing else.
    peer: clientIpSource === "peer" ? (request.cf as { clientIp?: string } | undefined)?.clientIp : undefined,
    connectingIp: clientIpSource === "cloudflare" ? header(request, "CF-Connecting-IP") : undefined,
    forwardedFor: trustedHops > 0 ? header(request, "X-Forwarded-For") : undefined,
  });
}

const header = (request: Request, name: string): string | undefined => request.headers.get(name) ?? undefined;
