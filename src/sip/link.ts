/**
 * The control connection to the SIP server (embedded or drachtio-server), kept up.
 *
 *   connecting -> up -> waiting -> connecting ...        any -> closed
 *
 * Each attempt has a drachtio-srf instance of its own: what hung on a lost connection is lost with it, and nothing of it
 * can leak into the next one.
 */
import type { Clock } from '../control/ports.ts';
import { guarded } from './context.ts';
import { createSrf, type Log, type SrfApp, type SrfOptions } from './srf.ts';

export interface LinkOptions {
  readonly server: SrfOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Installs the handlers on a new instance, before it connects. */
  readonly install: (srf: SrfApp) => void;
  readonly onUp: (srf: SrfApp) => void;
  readonly onDown: () => void;
}

const FIRST_DELAY = 150; // ms
const MAX_DELAY = 5_000;

type State =
  | { readonly kind: 'idle' | 'closed' }
  | { readonly kind: 'connecting' | 'up'; readonly srf: SrfApp }
  | { readonly kind: 'waiting'; readonly cancel: () => void };

export class ControlLink {
  readonly #options: LinkOptions;
  #state: State = { kind: 'idle' };
  #delay = FIRST_DELAY;
  /** Where the server listens. */
  #listens: readonly string[] = [];
  #started: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get srf(): SrfApp | null {
    return this.#state.kind === 'up' ? this.#state.srf : null;
  }

  /** Where the server listens for TCP, host and port; null: nowhere. */
  get tcpAddress(): string | null {
    return this.#listens.find((each) => each.startsWith('tcp/'))?.slice('tcp/'.length) ?? null;
  }

  /** Resolves once connected; tries again while nobody listens there. Rejects where the secret is refused. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#connect();
    });
  }

  /** Idempotent. */
  close(): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    if (state.kind === 'waiting') state.cancel();
    if (state.kind === 'up' || state.kind === 'connecting') this.#disconnect(state.srf);
    this.#started?.reject(new Error('signalling was closed before it was connected'));
    this.#started = null;
  }

  #connect(): void {
    const { server, install, log } = this.#options;
    const srf = createSrf();
    this.#state = { kind: 'connecting', srf };
    install(srf);
    srf.on('connect', (error, hostports, _version, local) => {
      if (!this.#holds(srf)) {
        // Closed while it was being connected.
        this.#disconnect(srf);
        return;
      }
      this.#listens = (local ?? hostports ?? '').split(',');
      if (error === null) this.#up(srf);
      else this.#refused(srf);
    });
    srf.on('error', (error) => {
      log('debug', `control connection: ${error.message}`);
      this.#down(srf);
    });
    srf.on('close', () => this.#down(srf));
    // The library's own reconnecting is off: it would carry the state of the lost connection along.
    srf.connect({ ...server, enablePing: true, reconnect: { maxAttempts: 1 } });
  }

  #holds(srf: SrfApp): boolean {
    return (this.#state.kind === 'connecting' || this.#state.kind === 'up') && this.#state.srf === srf;
  }

  #up(srf: SrfApp): void {
    const { host, port } = this.#options.server;
    this.#state = { kind: 'up', srf };
    this.#delay = FIRST_DELAY;
    this.#options.log('info', `connected to the SIP server at ${host}:${port}`);
    this.#started?.resolve();
    this.#started = null;
    this.#options.onUp(srf);
  }

  #refused(srf: SrfApp): void {
    const { host, port } = this.#options.server;
    const text = `the SIP server at ${host}:${port} refuses the secret (sip.drachtio.secret)`;
    if (this.#started === null) {
      this.#options.log('error', text);
      this.#down(srf);
      return;
    }
    const { reject } = this.#started;
    this.#started = null;
    this.close();
    reject(new Error(text));
  }

  #down(srf: SrfApp): void {
    if (!this.#holds(srf)) return;
    const wasUp = this.#state.kind === 'up';
    const delay = this.#delay;
    this.#delay = Math.min(delay * 2, MAX_DELAY);
    const cancel = this.#options.clock.after(delay, () => {
      if (this.#state.kind === 'waiting') this.#connect();
    });
    this.#state = { kind: 'waiting', cancel };
    if (wasUp) {
      this.#options.log('error', 'the control connection to the SIP server is lost; its calls are ended; reconnecting');
      this.#options.onDown();
    }
  }

  #disconnect(srf: SrfApp): void {
    // Throws where no connection was ever made.
    guarded(
      (_level, message) => this.#options.log('debug', message),
      'disconnect',
      () => srf.disconnect(),
    );
  }
}
