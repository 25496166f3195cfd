import { DurableObject } from "cloudflare:workers";

export class Session extends DurableObject<Env> {}
