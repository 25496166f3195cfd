import { DurableObject } from "cloudflare:workers";

export class ControlPlane extends DurableObject<Env> {}
