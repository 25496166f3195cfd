// api (D03): wallets as a REST resource, kept in this isolate's memory.

import { type Fields, isText, readFields } from "../../bounded-body.ts";
import { Newest } from "../../newest.ts";
import { type Call, json, refusal, walletWorker } from "../../wallet-worker.ts";

const WALLETS_MAX = 1_000;
const OWNER_MAX = 256;
const CURRENCY = /^[A-Z]{3,5}$/;

type Wallet = { readonly id: string; readonly owner: string; readonly currency: string };
const wallets = new Newest<Wallet>(WALLETS_MAX);

function walletOf(id: string, { owner, currency = "THB" }: Fields): Wallet | undefined {
  const isWhole = isText(owner, OWNER_MAX) && typeof currency === "string" && CURRENCY.test(currency);
  return isWhole ? { id, owner, currency } : undefined;
}

async function write(id: string, request: Request): Promise<Wallet | undefined> {
  const wallet = walletOf(id, (await readFields(request)) ?? {});
  if (wallet !== undefined) wallets.set(id, wallet);
  return wallet;
}

async function create({ request, mount }: Call): Promise<Response> {
  const wallet = await write(crypto.randomUUID(), request);
  if (wallet === undefined) return refusal(400, "no_wallet");
  const response = json(201, wallet);
  response.headers.set("Location", `${mount}/wallets/${wallet.id}`);
  return response;
}

function read({ id }: Call): Response {
  const wallet = wallets.get(id);
  return wallet === undefined ? refusal(404, "not_found") : json(200, wallet);
}

/** Only what POST has made: clients choose no ids. */
async function replace({ id, request }: Call): Promise<Response> {
  if (!wallets.has(id)) return refusal(404, "not_found");
  const wallet = await write(id, request);
  return wallet === undefined ? refusal(400, "no_wallet") : json(200, wallet);
}

const remove = ({ id }: Call): Response =>
  wallets.delete(id) ? new Response(null, { status: 204 }) : refusal(404, "not_found");

export default walletWorker({
  name: "api",
  version: "1.0.0",
  routes: {
    "/wallets": { GET: () => json(200, { wallets: [...wallets.values()] }), POST: create },
    "/wallets/:id": { GET: read, PUT: replace, DELETE: remove },
  },
});
