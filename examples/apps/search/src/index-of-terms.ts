// What the search app searches: terms of edge routing. Data only.

export type Entry = { readonly term: string; readonly meaning: string };

export const ENTRIES: readonly Entry[] = [
  { term: "Allowance", meaning: "a number of requests an isolate may admit before it asks the limiter again" },
  { term: "Backend", meaning: "a Worker or HTTP origin that answers what is forwarded to it" },
  { term: "Control plane", meaning: "the part that decides and remembers, apart from the traffic itself" },
  { term: "Data plane", meaning: "the part every request passes: match, identify, select, forward" },
  { term: "Drain", meaning: "send an instance no new requests while it ends the old ones" },
  { term: "Durable Object", meaning: "a single-threaded object with its own SQLite database and a name" },
  { term: "Failover", meaning: "sending a request to an instance not yet tried after one has failed" },
  { term: "Instance", meaning: "one member of a pool" },
  { term: "Isolate", meaning: "one running copy of a Worker's code, with memory of its own" },
  { term: "Lease", meaning: "a decision or allowance given to an isolate in advance, for a bounded time" },
  { term: "Least connections", meaning: "choosing the instance with the fewest requests in flight" },
  { term: "Pool", meaning: "a set of interchangeable instances and the strategy that picks one" },
  { term: "Revocation", meaning: "ending a session before it expires, everywhere" },
  { term: "Round robin", meaning: "choosing instances in turn" },
  { term: "Route", meaning: "a rule that leads a host, a path or a session to a pool" },
  { term: "Service binding", meaning: "a Worker's direct line to another Worker, without the network" },
  { term: "Session", meaning: "who a visitor is, kept by the plane and told to backends in headers" },
  { term: "Snapshot", meaning: "a copy of an object's state an isolate may use until it is too old" },
  { term: "Upstream", meaning: "where a proxied request goes next" },
];
