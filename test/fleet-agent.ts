// An agent as the fleet's calls see it: whether it answers, and for whom it runs what. For tests of objects and routes; the real one is
// proven in a journey. Stands in for the network until the test is over.

import { vi } from "vitest";

export const AGENT_URL = "http://fleet-agent.test";

export class FleetAgent {
  mood: "up" | "down" | "refusing" | "odd" = "up";
  running: Readonly<Record<string, number>> = {};
  asked = 0;

  static boot(): FleetAgent {
    const agent = new FleetAgent();
    const network = globalThis.fetch;
    vi.spyOn(globalThis, "fetch").mockImplementation((input, init) =>
      String(input).startsWith(AGENT_URL) ? agent.#answer() : network(input, init),
    );
    return agent;
  }

  async #answer(): Promise<Response> {
    this.asked++;
    if (this.mood === "down") throw new Error("Network connection lost.");
    if (this.mood === "refusing") return Response.json({}, { status: 401 });
    return Response.json(this.mood === "odd" ? { hello: 1 } : { running: this.running });
  }
}
