// Waiting for an object's next change: everybody is told, and however many wait, the object goes on working.

import { expect, it } from "vitest";
import { NewsBell } from "../../durable-objects/exec-results/news-bell.ts";

const TOLD_AT_ONCE = 1_000;

it("tells everybody who waits, also those beyond its bound", async () => {
  const bell = new NewsBell();
  const waits = Array.from({ length: TOLD_AT_ONCE + 10 }, () => bell.wait(2_000));
  bell.ring();
  await Promise.all(waits);
});

it("lets nobody beyond its bound look again without a pause, for that would stop the object", async () => {
  const bell = new NewsBell();
  const waits = Array.from({ length: TOLD_AT_ONCE }, () => bell.wait(60_000));
  let hasLooked = false;
  const beyond = bell.wait(60_000).then(() => {
    hasLooked = true;
  });
  await scheduler.wait(1);
  expect(hasLooked).toBe(false);
  await beyond;
  bell.ring();
  await Promise.all(waits);
});
