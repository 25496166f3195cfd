// What the plane logs while a test runs, instead of printing it. For test files that ask what a log line says.

import { afterEach, beforeEach, vi } from "vitest";

/** The lines of the case that runs now, whatever their level. Registers hooks: called once, where the file's own hooks stand. */
export function captureLines(): readonly string[] {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    for (const level of ["log", "info", "warn", "error"] as const)
      vi.spyOn(console, level).mockImplementation((line: unknown) => void lines.push(String(line)));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return lines;
}
