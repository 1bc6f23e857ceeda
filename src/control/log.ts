/** The log the controller writes to: a level and a sentence. Never a secret, never audio. */
export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;

export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A promise that nobody waits for on purpose: its failure is logged. */
export function detached(log: Log, what: string, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => log('error', `${what}: ${errorText(error)}`));
}
