// banking (D04): transfers, which must never be carried out twice: what the plane's retry guard is for.
// Counts what reaches it, so that one can see how often a request was sent; `?fail=` loses an answer after the work is done.
// Kept in this isolate's memory: an example of the guard, not of a ledger.

import { type Fields, isText, readFields } from "../../bounded-body.ts";
import { Newest } from "../../newest.ts";
import { type Call, json, refusal, walletWorker } from "../../wallet-worker.ts";

const ACCOUNT_MAX = 64;
const KEY_MAX = 255;
const KEPT_MAX = 1_000;
const TOLD_MAX = 100;

/** `amount` in the currency's smallest unit. */
type Transfer = { readonly id: string; readonly from: string; readonly to: string; readonly amount: number };
const transfers = new Newest<Transfer>(KEPT_MAX);
/** Idempotency-Key → the transfer it stands for. */
const byKey = new Newest<Transfer>(KEPT_MAX);
/** Requests for /transfers that arrived, whatever became of them. */
const received = { GET: 0, POST: 0 };
let carriedOut = 0;

function transferOf({ from, to, amount }: Fields): Transfer | undefined {
  const isWhole = isText(from, ACCOUNT_MAX) && isText(to, ACCOUNT_MAX) && from !== to;
  if (!isWhole || typeof amount !== "number" || !Number.isSafeInteger(amount) || amount <= 0) return undefined;
  return { id: crypto.randomUUID(), from, to, amount };
}

const isSame = (a: Transfer, b: Transfer): boolean => a.from === b.from && a.to === b.to && a.amount === b.amount;

function carryOut(transfer: Transfer, key: string | null): void {
  carriedOut++;
  transfers.set(transfer.id, transfer);
  if (key !== null) byKey.set(key, transfer);
}

/** With an Idempotency-Key a repetition answers with the transfer there already is, and moves nothing. */
async function post({ request, query }: Call): Promise<Response> {
  received.POST++;
  const transfer = transferOf((await readFields(request)) ?? {});
  const key = request.headers.get("Idempotency-Key");
  if (transfer === undefined || (key !== null && !isText(key, KEY_MAX))) return refusal(400, "no_transfer");
  const earlier = key === null ? undefined : byKey.get(key);
  if (earlier !== undefined)
    return isSame(earlier, transfer) ? json(200, earlier) : refusal(422, "idempotency_key_reused");
  carryOut(transfer, key);
  return loseAnswer(query) ?? json(201, transfer);
}

/** The newest transfers first. */
function list({ query }: Call): Response {
  received.GET++;
  return loseAnswer(query) ?? json(200, { received, carriedOut, transfers: newestFirst() });
}

const newestFirst = (): readonly Transfer[] => [...transfers.values()].slice(-TOLD_MAX).reverse();

/** `fail=broken` breaks the connection, `fail=unavailable` answers 503: either way the caller can't know what was done. */
function loseAnswer(query: URLSearchParams): Response | undefined {
  const fail = query.get("fail");
  if (fail === "broken") throw new Error("broken off, as the query asked");
  return fail === "unavailable" ? refusal(503, "unavailable") : undefined;
}

export default walletWorker({
  name: "banking",
  version: "1.0.0",
  routes: { "/transfers": { GET: list, POST: post } },
});
