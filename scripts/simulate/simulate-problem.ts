// A command line that asks a simulation for something that is not there.

export class SimulateProblem extends Error {}
