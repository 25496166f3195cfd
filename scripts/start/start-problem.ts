// What stops a start: something the person at the keyboard can put right. Its message is the one line they read.
// Thrown by every part of `npm start`, caught once in its entry; anything else that is thrown is a bug and keeps its stack.

export class StartProblem extends Error {
  override readonly name = "StartProblem";
}

/** The text of whatever was thrown, on one line. */
export const reasonOf = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).replaceAll(/\s*\n\s*/g, " ");

/** The system's own code (`EACCES`, `ENOTDIR`), where there is one. */
export const errorCode = (thrown: unknown): string | undefined => {
  const code: unknown = thrown instanceof Error ? Reflect.get(thrown, "code") : undefined;
  return typeof code === "string" ? code : undefined;
};
