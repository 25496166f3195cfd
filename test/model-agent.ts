// An agent as a model: what a user's object says to it over `fetch`, answered from memory. For tests of the object and its routes;
// the real one is proven in journeys. `boot` stands in for the network, until the test is over.

import { Buffer } from "node:buffer";
import { vi } from "vitest";
import type { RunOrder, RunState, WatchCall, WatchReply } from "../src/contracts/executor.ts";

type ModelRun = { readonly order: RunOrder; state: RunState; stdout: string; stderr: string };

export class ModelAgent {
  /** By run id. */
  readonly runs = new Map<string, ModelRun>();
  /** Every call that reached it, as `PUT /execs/…`, ids left out. */
  readonly calls: string[] = [];
  /** How often each command was begun: never twice for one id. */
  readonly begun: string[] = [];
  /** `down`: nobody answers. `deaf`: does what it is told, but its answers get lost. `refusing`: the key. `foreign`: is no agent. */
  mood: "up" | "down" | "deaf" | "refusing" | "foreign" = "up";
  key = "test-agent-key";
  /** A command that can't be begun just now. */
  hindered: string | undefined;
  /** Calls that were made, whether they reached it or not. */
  tries = 0;

  static boot(): ModelAgent {
    const agent = new ModelAgent();
    const network = globalThis.fetch;
    vi.spyOn(globalThis, "fetch").mockImplementation((input, init) =>
      String(input).startsWith("http://agent.test/")
        ? agent.#answer(new URL(String(input)), init)
        : network(input, init),
    );
    return agent;
  }

  /** The only run of that command. */
  run(command: string): ModelRun {
    const found = [...this.runs.values()].filter(({ order }) => order.command === command);
    if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} runs of ${command}`);
    return found[0];
  }

  async #answer(url: URL, { method = "GET", body, headers }: RequestInit = {}): Promise<Response> {
    this.tries++;
    if (this.mood === "down") throw new Error("Network connection lost.");
    if (this.mood === "foreign") {
      // Lets the test go on, however often it is asked.
      await scheduler.wait(1);
      return Response.json({ welcome: "here" });
    }
    const [, noun = "", runId = "", verb = ""] = url.pathname.split("/");
    this.calls.push([method, noun, verb].join(" ").trim());
    const isRight = new Headers(headers).get("Authorization") === `Bearer ${this.key}`;
    if (this.mood === "refusing" || !isRight) return Response.json({ error: "the key is not right" }, { status: 401 });
    const said: unknown = body === undefined || body === null ? undefined : JSON.parse(String(body));
    if (noun === "users") return Response.json({ running: this.#runningByUser() });
    if (method === "PUT" && (said as RunOrder).command === this.hindered) return Response.json({}, { status: 503 });
    const reply = noun === "watch" ? await this.#watch(said as WatchCall) : this.#told(method, { runId, verb, said });
    if (this.mood === "deaf") throw new Error("Network connection lost.");
    return Response.json(reply);
  }

  #runningByUser(): Record<string, number> {
    const running = [...this.runs.values()].filter(({ state }) => state.state === "running");
    const counts = Map.groupBy(running, ({ order }) => order.userId);
    return Object.fromEntries([...counts].map(([userId, runs]) => [userId, runs.length]));
  }

  #told(method: string, { runId, verb, said }: { runId: string; verb: string; said: unknown }): unknown {
    const known = this.runs.get(runId);
    if (method === "PUT") return (known ?? this.#begin(runId, said as RunOrder)).state;
    if (method === "DELETE") {
      this.runs.delete(runId);
      return null;
    }
    if (verb === "stop" && known?.state.state === "running") known.state = ended(143, "stop");
    return known?.state ?? { state: "unknown" };
  }

  /** `echo …` says so and ends, `exit n` ends, `reject` is rejected, `lose` is lost; everything else goes on. */
  #begin(runId: string, order: RunOrder): ModelRun {
    const command = [order.command].flat().join(" ");
    const run: ModelRun = { order, state: { state: "running", startedAtMs: Date.now() }, stdout: "", stderr: "" };
    const [verb, ...rest] = command.split(" ");
    if (verb === "echo") Object.assign(run, { state: ended(0, "itself"), stdout: `${rest.join(" ")}\n` });
    if (verb === "exit") run.state = ended(Number(rest[0]), "itself");
    if (verb === "lose") run.state = { state: "lost", cause: "neither its process nor its exit code is there" };
    if (verb === "reject") run.state = { state: "rejected", cause: "workingDir is not a folder" };
    else this.runs.set(runId, run);
    this.begun.push(command);
    return run;
  }

  async #watch({ runs }: WatchCall): Promise<WatchReply> {
    const news = runs.flatMap(({ runId, stdout, stderr }): WatchReply["runs"] => {
      const run = this.runs.get(runId);
      if (run === undefined) return [{ runId, run: { state: "unknown" }, stdout: "", stderr: "", capped: false }];
      const rest = [run.stdout.slice(stdout), run.stderr.slice(stderr)].map((text) =>
        Buffer.from(text).toString("base64"),
      );
      if (run.state.state === "running" && rest.join("") === "") return [];
      return [{ runId, run: run.state, stdout: rest[0] ?? "", stderr: rest[1] ?? "", capped: false }];
    });
    if (news.length === 0) await scheduler.wait(5);
    return { runs: news };
  }
}

const ended = (exitCode: number, by: "itself" | "stop"): RunState => ({
  state: "ended",
  startedAtMs: Date.now(),
  endedAtMs: Date.now(),
  exitCode,
  by,
});
