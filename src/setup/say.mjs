/** Setup talks on standard error, so that what a command prints on standard output stays its own. */
export function say(line) {
  process.stderr.write(`[setup] ${line}\n`);
}

/** A failure that the reader can act on: printed as it is, without a stack. */
export class SetupError extends Error {}
