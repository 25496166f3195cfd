// Three kinds of tests: pure code in Node, objects and handlers inside workerd, and whole planes as real processes.

import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/**
 * A backend that answers which binding reached it, so that routing can be seen, and misbehaves on paths that end in a trick's name.
 * `thrown` counts the requests it has failed so far: how often a request was really sent.
 */
const app = (name: string) => ({
  name,
  modules: true as const,
  compatibilityDate: "2026-08-01",
  script: `import { WorkerEntrypoint } from "cloudflare:workers";
    let thrown = 0;
    const HOP = { Connection: "X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=9", "Proxy-Authenticate": "Basic", "X-Kept": "1" };
    const tricks = {
      throw: () => { thrown++; throw new Error("the backend broke"); },
      empty: () => new Response(null, { status: 204 }),
      stream: () => new Response(new Blob(["first,", "second"]).stream()),
      hop: () => new Response("ok", { headers: HOP }),
      nonsense: () => "this is no response",
      slow: async () => { await scheduler.wait(1_500); return new Response("slow"); },
    };
    const answer = async (request, via) => {
      const { pathname } = new URL(request.url);
      const trick = tricks[pathname.slice(pathname.lastIndexOf("/") + 1)];
      if (trick !== undefined) return trick();
      const headers = Object.fromEntries(request.headers);
      const body = request.body ? await request.text() : "";
      return Response.json({ app: ${JSON.stringify(name)}, via, method: request.method, url: request.url, headers, body, thrown });
    };
    export default class extends WorkerEntrypoint {
      fetch(request) { return answer(request, "fetch"); }
      handleRequest(request) { return answer(request, "rpc"); }
    }`,
});

/** What an isolate remembers, where that needs no platform. */
const PLAIN_ISOLATE_TESTS = ["test/isolate/bounded-map.test.ts", "test/isolate/refreshed.test.ts"];

export default defineConfig({
  test: {
    // What a plane logs is part of a failure's story and of no other.
    silent: "passed-only",
    projects: [
      {
        test: {
          name: "node",
          include: [
            "test/policies/**/*.test.ts",
            "test/contracts/**/*.test.ts",
            "test/scripts/**/*.test.ts",
            ...PLAIN_ISOLATE_TESTS,
          ],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.jsonc" },
            miniflare: {
              bindings: {
                ADMIN_SECRET: "test-admin-secret",
                SESSION_KEYS: "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                BACKEND_API_KEY: "test-backend-key",
                EXEC_AGENT_URL: "http://agent.test",
                EXEC_AGENT_KEY: "test-agent-key",
              },
              workers: [
                "motr-auth",
                "motr-console",
                "motr-profile",
                "motr-search",
                "motr-enclave",
                "main-bot",
                "api",
                "banking",
                "security",
                "frontend",
                "analytics",
                "my-backend-worker-1",
                "my-backend-worker-2",
              ].map(app),
            },
          }),
        ],
        test: {
          name: "workers",
          include: [
            "test/objects/**/*.test.ts",
            "test/http/**/*.test.ts",
            "test/traffic/**/*.test.ts",
            "test/isolate/**/*.test.ts",
            "test/instances/**/*.test.ts",
          ],
          exclude: PLAIN_ISOLATE_TESTS,
        },
      },
      {
        test: {
          name: "journeys",
          include: ["test/journeys/**/*.test.ts", "test/faults/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
