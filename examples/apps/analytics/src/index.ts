// analytics (D07): counts events by name and sums up their values. Kept in this isolate's memory.

import { asFields, isText, readFields } from "../../bounded-body.ts";
import { type Call, json, refusal, walletWorker } from "../../wallet-worker.ts";

const EVENTS_MAX = 100;
const NAMES_MAX = 1_000;
const NAME_MAX = 64;

/** `count` counts every event, the others only those with a value. */
type Summary = { count: number; values: number; sum: number; min: number | null; max: number | null };
type Event = { readonly name: string; readonly value: number | undefined };
const summaries = new Map<string, Summary>();

function eventOf(sent: unknown): Event | undefined {
  const { name, value } = asFields(sent) ?? {};
  if (!isText(name, NAME_MAX)) return undefined;
  if (value === undefined) return { name, value };
  return typeof value === "number" && Number.isFinite(value) ? { name, value } : undefined;
}

/** False for one name too many. */
function add({ name, value }: Event): boolean {
  const summary = summaries.get(name) ?? { count: 0, values: 0, sum: 0, min: null, max: null };
  if (!summaries.has(name) && summaries.size >= NAMES_MAX) return false;
  summaries.set(name, summary);
  summary.count++;
  if (value === undefined) return true;
  summary.values++;
  summary.sum += value;
  summary.min = Math.min(value, summary.min ?? value);
  summary.max = Math.max(value, summary.max ?? value);
  return true;
}

/** All or nothing where one of them is no event; a name beyond the bound is told apart and costs the others nothing. */
async function takeEvents({ request }: Call): Promise<Response> {
  const { events } = (await readFields(request)) ?? {};
  if (!Array.isArray(events) || events.length > EVENTS_MAX) return refusal(400, "no_events");
  const taken = events.map(eventOf);
  if (taken.includes(undefined)) return refusal(400, "no_events");
  let counted = 0;
  for (const event of taken) if (event !== undefined && add(event)) counted++;
  return json(202, { counted, dropped: taken.length - counted });
}

const summarise = (): Response => {
  const told = [...summaries].map(([name, { values, ...summary }]) => ({
    name,
    ...summary,
    mean: values === 0 ? null : summary.sum / values,
  }));
  return json(200, { events: told });
};

export default walletWorker({
  name: "analytics",
  version: "1.0.0",
  routes: { "/events": { POST: takeEvents }, "/summary": { GET: summarise } },
});
