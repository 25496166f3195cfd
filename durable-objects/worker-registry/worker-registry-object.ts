import { DurableObject } from "cloudflare:workers";

export class WorkerRegistry extends DurableObject<Env> {}
