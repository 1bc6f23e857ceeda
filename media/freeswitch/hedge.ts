/**
 * `make`, and a second time where the first takes longer than `ms`: the first to succeed is it, a late one is released.
 * Rejects with the last failure. `release` must not reject.
 */
export function hedged<T>(make: () => Promise<T>, ms: number, release: (late: T) => Promise<void>): Promise<T> {
  return new Promise((resolve, reject) => {
    let open = 0;
    let done = false;
    const attempt = (): void => {
      open++;
      make().then(
        async (made) => {
          open--;
          clearTimeout(timer);
          if (done) return release(made);
          done = true;
          resolve(made);
          return undefined;
        },
        (error: unknown) => {
          open--;
          if (done || open > 0) return;
          done = true;
          clearTimeout(timer);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    };
    const timer = setTimeout(attempt, ms);
    attempt();
  });
}
