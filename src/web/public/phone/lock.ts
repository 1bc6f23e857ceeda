/** One softphone a person and browser: the tab that holds the lock has it (Web Locks). */

export interface Claim {
  /** Resolves when another tab has taken it. */
  readonly taken: Promise<void>;
  /** Idempotent. */
  release(): void;
}

/** null: another tab has it. With `take` it is taken from there. */
export function claim(name: string, take: boolean): Promise<Claim | null> {
  return new Promise((resolve, reject) => {
    let release: () => void = () => undefined;
    let lost: () => void = () => undefined;
    const taken = new Promise<void>((done) => {
      lost = done;
    });
    let granted = false;
    navigator.locks
      .request(name, take ? { steal: true } : { ifAvailable: true }, (lock) => {
        if (lock === null) {
          resolve(null);
          return undefined;
        }
        granted = true;
        return new Promise<void>((done) => {
          release = done;
          resolve({ taken, release: () => release() });
        });
      })
      .catch((error: unknown) => {
        // AbortError: another tab has stolen it.
        if (granted) lost();
        else reject(error instanceof Error ? error : new Error(String(error)));
      });
  });
}
