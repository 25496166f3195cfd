// What keeps the bench from measuring, said in one line. Anything else that is thrown is a bug and keeps its stack.

export class BenchProblem extends Error {
  override readonly name = "BenchProblem";
}
