/** Time as an input: the state machines and drivers take it from here, tests from a clock they turn by hand. */

export interface Scheduled {
  cancel(): void;
}

export interface Clock {
  /** ms since the epoch */
  now(): number;
  after(ms: number, run: () => void): Scheduled;
}

/** The system's clock. Node keeps one list per duration, so a timer of the few durations of SIP costs O(1). */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A clock whose timers can all be ended at once: a server that closes leaves none behind. */
export function stoppableClock(clock: Clock): Clock & { stop(): void } {
  const running = new Set<Scheduled>();
  let stopped = false;
  return {
    now: () => clock.now(),
    after(ms, run) {
      if (stopped) return { cancel: () => undefined };
      const scheduled = clock.after(ms, () => {
        running.delete(scheduled);
        run();
      });
      running.add(scheduled);
      return {
        cancel() {
          running.delete(scheduled);
          scheduled.cancel();
        },
      };
    },
    stop() {
      stopped = true;
      for (const scheduled of running) scheduled.cancel();
      running.clear();
    },
  };
}

/** A clock under which a fault met by a timer is told, and ends nothing else. */
export function guardedClock(clock: Clock, onFault: (error: unknown) => void): Clock {
  return {
    now: () => clock.now(),
    after: (ms, run) =>
      clock.after(ms, () => {
        try {
          run();
        } catch (error) {
          onFault(error);
        }
      }),
  };
}

/** The timers of one transaction or dialog: setting a name replaces it, `clearAll` ends them all. */
export class Timers<Name extends string> {
  readonly #clock: Clock;
  readonly #running = new Map<Name, Scheduled>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(name: Name, ms: number, run: () => void): void {
    this.clear(name);
    const scheduled = this.#clock.after(ms, () => {
      this.#running.delete(name);
      run();
    });
    this.#running.set(name, scheduled);
  }

  clear(name: Name): void {
    const scheduled = this.#running.get(name);
    if (scheduled === undefined) return;
    this.#running.delete(name);
    scheduled.cancel();
  }

  has(name: Name): boolean {
    return this.#running.has(name);
  }

  clearAll(): void {
    for (const scheduled of this.#running.values()) scheduled.cancel();
    this.#running.clear();
  }
}
