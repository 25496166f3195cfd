// All registered users, for calls that are about everybody.

import { USERS_MAX, type User } from "../contracts/users.ts";
import { callDirectory } from "../objects.ts";

const PAGE = 1_000;

/** By id, USERS_MAX at most. Whoever is registered or deleted meanwhile may be missing or not. */
export async function everyUser(env: Env): Promise<readonly User[]> {
  const all: User[] = [];
  for (let after: string | null = ""; after !== null && all.length < USERS_MAX; ) {
    const listing: { limit: number; after: string } = { limit: PAGE, after };
    const { users, next } = await callDirectory(env, (directory) => directory.list(listing));
    all.push(...users);
    after = next;
  }
  return all;
}
