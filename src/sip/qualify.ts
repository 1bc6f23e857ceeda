/**
 * Phones that hold a connection (TCP, TLS, WebSocket) are asked now and then whether they are still there, by OPTIONS: a
 * browser that was closed does not unregister, and its user must not stay available. Any answer will do; a contact whose
 * connection has gone is forgotten. Phones on UDP are left alone: their registration expires.
 */
import type { Clock } from '../control/ports.ts';
import { USER_AGENT, detached, guarded, type SipContext } from './context.ts';
import type { Forget } from './forget.ts';
import type { SrfApp } from './srf.ts';
import { errorText, isConnectionClosed, isUnreachable } from './srf.ts';

export interface ConnectedContact {
  readonly userId: string;
  readonly key: string;
  readonly uri: string;
  readonly forget: Forget | null;
}

export interface Qualified {
  connected(): readonly ConnectedContact[];
  unreachable(userId: string, key: string): void;
}

const INTERVAL = 30_000; // ms

export class Qualifier {
  readonly #context: SipContext;
  readonly #phones: Qualified;
  #cancel: (() => void) | null = null;

  constructor(context: SipContext, phones: Qualified) {
    this.#context = context;
    this.#phones = phones;
  }

  start(): void {
    const clock: Clock = this.#context.clock;
    this.#cancel = clock.after(INTERVAL, () => {
      const srf = this.#context.srf();
      if (srf !== null) for (const contact of this.#phones.connected()) this.#ask(srf, contact);
      this.start();
    });
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #ask(srf: SrfApp, { userId, key, uri, forget }: ConnectedContact): void {
    const { log } = this.#context;
    guarded(log, 'OPTIONS', () => {
      srf.request(uri, { method: 'OPTIONS', headers: { 'User-Agent': USER_AGENT } }, (error, request) => {
        if (request === undefined) {
          log('debug', `OPTIONS to ${userId}: ${errorText(error)}`);
          this.#phones.unreachable(userId, key);
          return;
        }
        request.on('response', (response) => {
          if (!isUnreachable(response)) return;
          if (forget === null || !isConnectionClosed(response)) this.#phones.unreachable(userId, key);
          else detached(log, 'a closed connection', this.#askAgain(srf, { userId, key, uri, forget }));
        });
      });
    });
  }

  /** The phone may listen at its Contact. */
  async #askAgain(srf: SrfApp, contact: ConnectedContact & { readonly forget: Forget }): Promise<void> {
    if (await contact.forget()) this.#ask(srf, { ...contact, forget: null });
    else this.#phones.unreachable(contact.userId, contact.key);
  }
}
