// The fetch Worker: hands each request to the control surface or to the data plane, and names the object classes. No logic here.

export { ControlPlane, Revocations, Session, WorkerRegistry } from "../durable-objects/index.ts";

export default {
  async fetch(): Promise<Response> {
    return new Response("starting");
  },
} satisfies ExportedHandler<Env>;
