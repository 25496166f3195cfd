// The bench's own arithmetic and its client: what they make of samples, traces and answers made for one case each.

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { readBenchOptions } from "../../scripts/bench/bench-options.ts";
import { parseSyncs } from "../../scripts/bench/commit-trace.ts";
import { type Contender, type Group, selectGroups } from "../../scripts/bench/contenders.ts";
import { sendAtFixedRate } from "../../scripts/bench/fixed-rate-client.ts";
import type { Row } from "../../scripts/bench/play-rounds.ts";
import { median, pairedRatios, quantileMs, shuffled } from "../../scripts/bench/statistics.ts";
import { judgeFindings } from "../../scripts/bench/targets.ts";

describe("statistics", () => {
  it("take the middle of an odd number of values and the mean of the two middle ones of an even number", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 6])).toBe(5.5);
  });

  it("show a hole as one instead of inventing a number", () => {
    expect(median([])).toBeNaN();
    expect(quantileMs([], 0.5)).toBeNaN();
  });

  it("compare what was measured in the same round, not medians", () => {
    expect(pairedRatios([10, 90], [20, 100])).toEqual([0.5, 0.9]);
  });

  it("read quantiles from joined histograms in any order", () => {
    const joined = [
      [3_000, 1],
      [1_000, 98],
      [2_000, 1],
    ] as const;
    expect([0.5, 0.98, 0.99, 1].map((share) => quantileMs(joined, share))).toEqual([1, 1, 2, 3]);
  });

  it("shuffle without losing or repeating anything", () => {
    expect(shuffled([1, 2, 3, 4], () => 0).toSorted()).toEqual([1, 2, 3, 4]);
    expect(shuffled([1, 2, 3, 4], () => 0)).not.toEqual([1, 2, 3, 4]);
  });
});

describe("a trace of syncs", () => {
  const line = (seconds: string, file: string) => `7 ${seconds} fsync(9<${file}>) = 0`;
  const commitsIn = (...lines: string[]) =>
    parseSyncs(lines.join("\n"))
      .filter(({ commits }) => commits)
      .map(({ atMs }) => atMs);

  it("counts a sync of the log as a commit, with its time", () => {
    expect(commitsIn(line("1.5", "/s/a.sqlite-wal"), line("2.5", "/s/b.sqlite-wal"))).toEqual([1_500, 2_500]);
  });

  it("doesn't count the one that begins a log, nor the one that ends it, nor any of another file", () => {
    expect(commitsIn(line("1", "/s/a.sqlite-wal"), line("1.1", "/s"))).toEqual([]);
    expect(commitsIn(line("1", "/s/a.sqlite-wal"), line("1.1", "/s/a.sqlite"))).toEqual([]);
    expect(commitsIn(line("1", "/s/a.sqlite"), line("2", "/s/a.sqlite-journal"))).toEqual([]);
  });

  it("counts a call once that other threads interrupted", () => {
    const cut =
      "7 1.0 fsync(9</s/a.sqlite-wal> <unfinished ...>\n8 1.1 --- SIGCHLD ---\n7 1.2 <... fsync resumed>) = 0";
    expect(commitsIn(cut)).toEqual([1_000]);
  });
});

describe("verdicts", () => {
  const row = (contender: Row["contender"], rate: number): Row => ({
    group: "1x1",
    contender,
    samples: [{ requestsPerSecond: rate, p50Ms: 1, p99Ms: 2, cpuMicrosPerRequest: undefined, errors: 0 }],
  });
  const judge = (plane: number) => {
    const rows = [row("pass-through", 1_000), row("plane", plane), row("per-request", 100)];
    return judgeFindings({ rows, latencies: [], costs: [], matching: [], faults: [], sockets: [] }).map(
      ({ met }) => met,
    );
  };

  it("are met exactly from the target on", () => {
    expect(judge(850)).toEqual([true, true]);
    expect(judge(849)).toEqual([false, true]);
    expect(judge(699)).toEqual([false, false]);
  });

  it("say how far off they may be: by how much the rounds disagree, one of them out of all order or not", () => {
    const rounds = (contender: Row["contender"], rates: readonly number[]): Row => ({
      ...row(contender, 0),
      samples: rates.map(
        (requestsPerSecond) => ({ ...row(contender, 0).samples[0], requestsPerSecond }) as Row["samples"][number],
      ),
    });
    const errorOf = (rates: readonly number[]) => {
      const rows = [
        rounds(
          "pass-through",
          rates.map(() => 1_000),
        ),
        rounds("plane", rates),
      ];
      return judgeFindings({ rows, latencies: [], costs: [], matching: [], faults: [], sockets: [] })[0]?.error;
    };
    expect(errorOf([900, 900, 900, 900])).toBe(0);
    // The deviations' median is 0.1: 1.4826 × 0.1 × 1.2533 ÷ √4.
    expect(errorOf([800, 800, 1_000, 1_000])).toBeCloseTo(0.0929, 4);
    expect(errorOf([800, 800, 1_000, 9_000])).toBeLessThan(0.1);
    expect(errorOf([800, 1_000])).toBeUndefined();
  });

  it("say of an instance that fails whether a request was lost, and whether it was noticed within a second", () => {
    const fault = {
      fault: "killed",
      strategy: "round-robin",
      name: "killed",
      requests: 2_400,
      p50Ms: 1,
      p99Ms: 2,
    } as const;
    const judgeFault = (lost: number, noticedMs: number | undefined) =>
      judgeFindings({
        rows: [],
        latencies: [],
        costs: [],
        matching: [],
        faults: [{ ...fault, lost, noticedMs }],
        sockets: [],
      });
    expect(judgeFault(0, 1_000).map(({ met }) => met)).toEqual([true, true]);
    expect(judgeFault(1, 1_001).map(({ met }) => met)).toEqual([false, false]);
    expect(judgeFault(0, undefined)).toEqual([]);
  });

  it("are not given on what was not measured", () => {
    expect(
      judgeFindings({ rows: [row("plane", 1)], latencies: [], costs: [], matching: [], faults: [], sockets: [] }),
    ).toEqual([]);
  });
});

describe("the command line", () => {
  const names = ["1x1", "plane"];

  it("has a default for everything", () => {
    expect(readBenchOptions([], names)).toMatchObject({ rounds: 10, sessions: 10_000, sampleRate: 0.01, only: [] });
  });

  it.each([
    ["--rounds", "0"],
    ["--seconds", "1.5"],
    ["--log", "2"],
    ["--only", "nobody"],
    ["--sessions", ""],
  ])("refuses %s %s by name", (flag, value) => {
    expect(() => readBenchOptions([flag, value], names)).toThrow(flag);
  });

  it("keeps the limit of every group it keeps, and drops groups it doesn't name", () => {
    const contender = (name: Contender["name"]): Contender => ({ name, ports: [], path: "/", pid: 0 });
    const contenders = [contender("pass-through"), contender("plane"), contender("per-request")];
    const group = (name: Group["name"]): Group => ({ name, cookies: { file: "", count: 1 }, contenders });
    const kept = selectGroups([group("1x1"), group("4x1")], ["1x1", "plane"]);
    expect(kept.map(({ name, contenders }) => [name, ...contenders.map((one) => one.name)])).toEqual([
      ["1x1", "pass-through", "plane"],
    ]);
  });
});

describe("the client of fixed rate", () => {
  const servers: { close(): void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const listen = async (answer: RequestListener): Promise<number> => {
    const server = createServer(answer).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const load = async (answer: RequestListener) => {
    const ports = [await listen(answer)];
    const plan = {
      ports,
      path: "/",
      requestsPerSecond: 500,
      seconds: 0.2,
      leadSeconds: 0,
      connections: 4,
      cookies: ["a=1", "a=2"],
    };
    const { latency, errors } = await sendAtFixedRate(plan);
    return { answers: latency.reduce((sum, [, count]) => sum + count, 0), errors };
  };

  it("sends every request that is due and sees each answer end, declared or chunked", async () => {
    const declared = await load((_, response) => response.writeHead(200, { "Content-Length": 4 }).end("body"));
    const chunked = await load((_, response) => {
      response.write("bo");
      response.end("dy");
    });
    expect([declared, chunked]).toEqual([
      { answers: 100, errors: 0 },
      { answers: 100, errors: 0 },
    ]);
  });

  it("uses the cookies in rotation", async () => {
    const seen = new Map<string, number>();
    await load(({ headers: { cookie = "" } }, response) => {
      seen.set(cookie, (seen.get(cookie) ?? 0) + 1);
      response.end("x");
    });
    expect([...seen].toSorted()).toEqual([
      ["a=1", 50],
      ["a=2", 50],
    ]);
  });

  it("counts answers that are not 200 as errors", async () => {
    expect(await load((_, response) => response.writeHead(503).end())).toEqual({ answers: 100, errors: 100 });
  });
});
