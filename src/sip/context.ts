/** What the parts of the adapter share, and the two helpers that keep a fault in one call from reaching another. */
import type { Config } from '../config/schema.ts';
import type { Clock } from '../control/ports.ts';
import type { Log, SendOptions, SrfApp, SrfResponse } from './srf.ts';
import { errorText } from './srf.ts';

/** Everything that hangs on the control connection: told once when it is lost. */
export class LossList {
  readonly #listeners = new Set<() => void>();

  /** Returns a function that takes the listener off again. */
  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  lose(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  get size(): number {
    return this.#listeners.size;
  }
}

export interface SipContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly loss: LossList;
  /** The connection in force; null while there is none. */
  srf(): SrfApp | null;
  /** Where the SIP server listens for TCP, host and port; null: nowhere. */
  ownTcpAddress(): string | null;
  /** Dialogs whose peers could not be told because the connection was lost; they get a BYE once it is back. */
  orphaned(dialogId: string): void;
}

/** For listeners that drachtio-srf calls outside of any try: a fault is logged, never thrown. */
export function guarded(log: Log, what: string, task: () => void): void {
  try {
    task();
  } catch (error) {
    log('error', `${what}: ${errorText(error)}`);
  }
}

/** The one place for deliberate floating promises. */
export function detached(log: Log, what: string, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => log('error', `${what}: ${errorText(error)}`));
}

/** Sends a response and waits until the server has sent it. False where it could not be (gone, cancelled, no connection). */
export function respond(
  log: Log,
  response: SrfResponse,
  status: number,
  reason: string | null,
  options: SendOptions = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (error: unknown): void => {
      if (error !== null && error !== undefined) log('debug', `response ${status} not sent: ${errorText(error)}`);
      resolve(error === null || error === undefined);
    };
    try {
      if (reason === null) response.send(status, options, done);
      else response.send(status, reason, options, done);
    } catch (error) {
      done(error);
    }
  });
}

/** As `respond`, where nobody waits. */
export function reply(
  log: Log,
  response: SrfResponse,
  status: number,
  reason: string | null = null,
  options: SendOptions = {},
): void {
  detached(log, `response ${status}`, respond(log, response, status, reason, options));
}

export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK, REGISTER';
export const SUPPORTED = 'replaces, norefersub, timer, 100rel';
export const USER_AGENT = 'Earshot';
