import { DurableObject } from "cloudflare:workers";

export class Revocations extends DurableObject<Env> {}
