// Command line and environment of `npm start`: defaults, both ends of every range, and what is refused.

import { describe, expect, it } from "vitest";
import { readStartOptions } from "../../scripts/start/start-options.ts";

const places = { cwd: "/somewhere", root: "/checkout" };
const read = (args: string[] = [], environment: Record<string, string> = {}) =>
  readStartOptions(args, environment, places);

describe("what a start is asked for", () => {
  it("has defaults for everything, with the state in the checkout", () => {
    const defaults = { port: 8787, isolates: 1, stateDir: "/checkout/.signalbox/state", configFile: undefined };
    expect(read()).toEqual(defaults);
    expect(read([], { PORT: "", STATE_DIR: "" })).toEqual(defaults);
  });

  it("takes flags in either spelling and resolves relative paths against the current folder", () => {
    const asked = { port: 9000, isolates: 4, stateDir: "/somewhere/state", configFile: "/somewhere/plane.jsonc" };
    const environment = { PORT: "9000", STATE_DIR: "state" };
    expect(read(["--isolates", "4", "--config", "plane.jsonc"], environment)).toEqual(asked);
    expect(read(["--isolates=4", "--config=plane.jsonc"], environment)).toEqual(asked);
    expect(read(["--config", "/etc/plane.jsonc"], { STATE_DIR: "/var/state" })).toMatchObject({
      stateDir: "/var/state",
      configFile: "/etc/plane.jsonc",
    });
  });

  it.each([
    [["--isolates", "1"], { PORT: "1" }],
    [["--isolates", "64"], { PORT: "65472" }],
    [["--isolates", "1"], { PORT: "65535" }],
  ])("accepts the ends of both ranges: %j %j", (args, environment) => {
    expect(() => read(args, environment)).not.toThrow();
  });

  it.each([
    [["--isolates", "0"], {}, /--isolates must be a whole number from 1 to 64, not "0"/],
    [["--isolates", "65"], {}, /--isolates/],
    [["--isolates", "2.5"], {}, /--isolates/],
    [["--isolates", "-1"], {}, /--isolates/],
    [["--isolates", ""], {}, /--isolates/],
    [[], { PORT: "0" }, /PORT must be a whole number from 1 to 65535, not "0"/],
    [[], { PORT: "65536" }, /PORT/],
    [[], { PORT: "80a" }, /PORT/],
    [["--isolates", "2"], { PORT: "65535" }, /PORT 65535 leaves no room for 2 isolates/],
    [["--isolate", "2"], {}, /usage: npm start/],
    [["plane.jsonc"], {}, /usage: npm start/],
    [["--config"], {}, /usage: npm start/],
  ])("refuses %j %j", (args, environment: Record<string, string>, message) => {
    expect(() => read(args, environment)).toThrow(message);
  });
});
