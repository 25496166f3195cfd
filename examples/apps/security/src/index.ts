// security (D05): hands tokens to who is signed in and says of any token whose it is. Keeps digests only, in this isolate's memory.
// Who is signed in it believes the plane, which removes what clients send under the names of its session headers.

import { isText, readFields } from "../../bounded-body.ts";
import { Newest } from "../../newest.ts";
import { readVisit } from "../../page.ts";
import { type Call, json, refusal, walletWorker } from "../../wallet-worker.ts";

const NAME = "security";
const TOKENS_MAX = 10_000;
const TOKEN_BYTES = 32;
const TOKEN_LENGTH_MAX = 256;
const TTL_MS = 900_000;

/** `expiresAt` in epoch ms. */
type Grant = { readonly userId: string; readonly expiresAt: number };
/** Token's digest → whose it is. */
const grants = new Newest<Grant>(TOKENS_MAX);

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function digestOf(token: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
}

async function issue({ request }: Call): Promise<Response> {
  const { authenticated, userId } = readVisit(NAME, request).session;
  if (!authenticated || userId === null) return refusal(401, "session_needed");
  const token = hex(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)));
  const grant = { userId, expiresAt: Date.now() + TTL_MS };
  grants.set(await digestOf(token), grant);
  return json(201, { token, ...grant });
}

/** What isn't a token of ours, or is one no more, is not active; why is nobody's business. */
async function check({ request }: Call): Promise<Response> {
  const { token } = (await readFields(request)) ?? {};
  if (!isText(token, TOKEN_LENGTH_MAX)) return refusal(400, "no_token");
  const grant = grants.get(await digestOf(token));
  const isActive = grant !== undefined && grant.expiresAt > Date.now();
  return json(200, isActive ? { active: true, ...grant } : { active: false });
}

export default walletWorker({
  name: NAME,
  version: "1.0.0",
  routes: { "/tokens": { POST: issue }, "/tokens/check": { POST: check } },
});
