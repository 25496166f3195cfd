// Three kinds of tests: pure code in Node, objects and handlers inside workerd, and whole planes as real processes.

import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** A backend that answers which binding reached it, so that routing can be seen. */
const app = (name: string) => ({
  name,
  modules: true as const,
  compatibilityDate: "2026-08-01",
  script: `import { WorkerEntrypoint } from "cloudflare:workers";
    export default class extends WorkerEntrypoint {
      async fetch(request) {
        const headers = Object.fromEntries(request.headers);
        const body = request.body ? await request.text() : "";
        return Response.json({ app: ${JSON.stringify(name)}, via: "fetch", method: request.method, url: request.url, headers, body });
      }
      async handleRequest(request) {
        return Response.json({ app: ${JSON.stringify(name)}, via: "rpc", method: request.method, url: request.url, headers: Object.fromEntries(request.headers) });
      }
    }`,
});

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          include: ["test/policies/**/*.test.ts", "test/contracts/**/*.test.ts", "test/scripts/**/*.test.ts"],
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
              },
              workers: [
                "motr-auth",
                "motr-console",
                "motr-profile",
                "motr-search",
                "motr-enclave",
                "my-backend-worker-1",
                "my-backend-worker-2",
              ].map(app),
            },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/objects/**/*.test.ts", "test/http/**/*.test.ts", "test/traffic/**/*.test.ts"],
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
