/**
 * Phones that hold a connection (TCP, TLS, WebSocket) are asked now and then whether they are still there, by OPTIONS: a
 * browser that was closed does not unregister, and its user must not stay available. Any answer will do; a contact whose
 * connection has gone is forgotten. Phones on UDP are left alone: their registration expires.
 */
import type { Clock } from '../control/ports.ts';
import { USER_AGENT, guarded, type SipContext } from './context.ts';
import type { SrfApp } from './srf.ts';
import { errorText, isUnreachable } from './srf.ts';

export interface ConnectedContact {
  readonly userId: string;
  readonly key: string;
  readonly uri: string;
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

  #ask(srf: SrfApp, { userId, key, uri }: ConnectedContact): void {
    const { log } = this.#context;
    guarded(log, 'OPTIONS', () => {
      srf.request(uri, { method: 'OPTIONS', headers: { 'User-Agent': USER_AGENT } }, (error, request) => {
        if (request === undefined) {
          log('debug', `OPTIONS to ${userId}: ${errorText(error)}`);
          this.#phones.unreachable(userId, key);
          return;
        }
        request.on('response', (response) => {
          if (isUnreachable(response)) this.#phones.unreachable(userId, key);
        });
      });
    });
  }
}
