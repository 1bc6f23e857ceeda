/**
 * One FreeSWITCH of the pool: its event socket connection, kept up.
 *
 *   connecting -> up -> waiting -> connecting ...        any -> closed
 *
 * Each connection is a media server of drachtio-fsmrf of its own; the library's own reconnecting is not used, because what
 * hung on a lost connection (calls) is lost with it.
 */
import { isIP } from 'node:net';
import Mrf from 'drachtio-fsmrf';
import type { FsEndpoint, FsMediaServer } from 'drachtio-fsmrf';
import { MediaError } from '../engine.ts';
import { hedged } from './hedge.ts';
import { Lease, OWNER_HEADER } from './lease.ts';
import { probe, SIP_PROFILE } from './probe.ts';
import type { FreeSwitchAddress } from './probe.ts';

export type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

/** Places the call from Earshot to FreeSWITCH: drachtio-srf's `createUAC` on the connection in force. */
export interface SipCaller {
  createUAC(uri: string, options: unknown): Promise<unknown>;
}

export interface FreeSwitchOptions {
  readonly address: FreeSwitchAddress;
  readonly sip: SipCaller;
  readonly log: Log;
  /** After so long without Earshot its channels end. */
  readonly leaseSeconds: number;
}

const COMMAND_MS = 5000;
const CONNECT_MS = 5000;
const HEDGE_MS = 1000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5000;

type State =
  | { readonly kind: 'connecting' | 'closed' }
  | { readonly kind: 'up'; readonly media: FsMediaServer }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout };

export class FreeSwitch {
  /** Calls pinned to it. */
  load = 0;
  readonly #options: FreeSwitchOptions;
  #state: State = { kind: 'connecting' };
  #delay = FIRST_DELAY_MS;
  #fault = 'not connected yet';
  #told = '';
  /** Told once when the connection is lost: what waits for an answer, and the calls. */
  readonly #onLost = new Set<(error: MediaError) => void>();
  readonly #lease: Lease;

  constructor(options: FreeSwitchOptions) {
    this.#options = options;
    this.#lease = new Lease(options.leaseSeconds);
  }

  get name(): string {
    const { host, port } = this.#options.address;
    return `${host}:${String(port)}`;
  }

  get isUp(): boolean {
    return this.#state.kind === 'up';
  }

  /** Why it is not up. */
  get fault(): string {
    return this.#fault;
  }

  /** Resolves when the first attempt has been made, whatever came of it; from then on it is kept up. */
  async start(): Promise<void> {
    this.#state = { kind: 'connecting' };
    try {
      const media = await this.#connect();
      try {
        await this.#lease.begin((text) => answerOf(media, text));
      } catch (error) {
        media.disconnect();
        throw error;
      }
      if (this.#is('closed')) media.disconnect();
      else this.#up(media);
    } catch (error) {
      if (!this.#is('closed')) this.#wait(error instanceof Error ? error.message : String(error));
    }
  }

  /** Takes the listener off again by the function that it returns. */
  whenLost(listener: (error: MediaError) => void): () => void {
    this.#onLost.add(listener);
    return () => this.#onLost.delete(listener);
  }

  /** The reply to an API command; commands are carried out in the order in which they are given. @throws MediaError */
  command(text: string): Promise<string> {
    return this.#bounded(COMMAND_MS, true, (media) => replyTo(media, text));
  }

  /** Several commands, written at once. @throws MediaError */
  commands(texts: readonly string[]): Promise<string[]> {
    return Promise.all(texts.map((text) => this.command(text)));
  }

  /** A channel that is answered; `latch`: its peer is behind NAT. @throws MediaError */
  createEndpoint(remoteSdp: string, latch: boolean): Promise<FsEndpoint> {
    return this.#bounded(CONNECT_MS, false, async (media, abandoned) => {
      const headers = { 'X-Earshot-Rtp': latch ? 'latch' : 'fixed', [OWNER_HEADER]: this.#lease.owner };
      // Now and then FreeSWITCH's connection for a new channel does not arrive, and the library waits for it in vain.
      const made = await hedged(
        () => media.createEndpoint({ remoteSdp, headers }),
        HEDGE_MS,
        (late) => late.destroy().catch(() => undefined),
      );
      if (abandoned()) await made.destroy();
      return made;
    });
  }

  /** `work`, unless the connection is lost first or it takes too long. @throws MediaError */
  async bounded<T>(work: Promise<T>): Promise<T> {
    return this.#bounded(COMMAND_MS, false, () => work);
  }

  /** Idempotent. */
  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    this.#lease.drop();
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if (state.kind === 'up') state.media.disconnect();
    this.#tell(new MediaError('closed', 'the media engine is closed'));
  }

  async #connect(): Promise<FsMediaServer> {
    const { address, sip } = this.#options;
    const { version, localAddress } = await probe(address);
    if (isIP(localAddress) === 0) throw new Error('its own address on the way to FreeSWITCH is not known');
    this.#options.log('info', `FreeSWITCH ${this.name}: version ${version}`);
    return new Promise((resolve, reject) => {
      let over = false;
      const timer = setTimeout(() => {
        over = true;
        reject(new Error('the event socket was lost while connecting'));
      }, CONNECT_MS);
      new Mrf(sip).connect(
        {
          address: address.host,
          port: address.port,
          secret: address.secret,
          profile: SIP_PROFILE,
          // FreeSWITCH connects back here, once for each channel.
          listenAddress: localAddress,
          advertisedAddress: localAddress,
        },
        (_error, media) => {
          if (media === undefined) return; // the library goes on trying
          if (over) media.disconnect();
          clearTimeout(timer);
          over = true;
          resolve(media);
        },
      );
    });
  }

  #up(media: FsMediaServer): void {
    this.#state = { kind: 'up', media };
    this.#delay = FIRST_DELAY_MS;
    this.#told = '';
    const lost = (): void => this.#lost(media, 'the connection is lost');
    media.conn.on('error', lost);
    media.conn.on('esl::end', lost);
    this.#lease.keep(
      (text) => this.command(text),
      (error) => {
        if (this.isUp) this.#options.log('error', `FreeSWITCH ${this.name}: ${String(error)}`);
      },
    );
    this.#options.log('info', `FreeSWITCH ${this.name}: up`);
  }

  #lost(media: FsMediaServer, why: string): void {
    if (this.#state.kind !== 'up' || this.#state.media !== media) return;
    this.#wait(why);
    media.disconnect();
    this.#tell(new MediaError('engine_lost', `FreeSWITCH ${this.name}: ${why}`));
  }

  #tell(error: MediaError): void {
    const listeners = [...this.#onLost];
    this.#onLost.clear();
    for (const listener of listeners) listener(error);
  }

  #wait(fault: string): void {
    this.#fault = fault;
    this.#lease.drop();
    const delay = this.#delay;
    this.#delay = Math.min(2 * delay, MAX_DELAY_MS);
    const timer = setTimeout(() => {
      this.start().catch((error: unknown) => this.#options.log('error', String(error)));
    }, delay);
    this.#state = { kind: 'waiting', timer };
    if (fault === this.#told) return; // one line for one fault, not one for each attempt
    this.#told = fault;
    this.#options.log('error', `FreeSWITCH ${this.name}: ${fault}; trying again`);
  }

  #is(kind: State['kind']): boolean {
    return this.#state.kind === kind;
  }

  /** `fatal`: what does not answer in time is given up as a whole. */
  #bounded<T>(
    ms: number,
    fatal: boolean,
    work: (media: FsMediaServer, abandoned: () => boolean) => Promise<T>,
  ): Promise<T> {
    const state = this.#state;
    if (state.kind === 'closed') return Promise.reject(new MediaError('closed', 'the media engine is closed'));
    if (state.kind !== 'up') {
      return Promise.reject(new MediaError('engine_lost', `FreeSWITCH ${this.name}: ${this.#fault}`));
    }
    return new Promise((resolve, reject) => {
      let over = false;
      const end = (): boolean => {
        const first = !over;
        over = true;
        clearTimeout(timer);
        forget();
        return first;
      };
      const fail = (cause: unknown): void => {
        if (!end()) return;
        reject(
          cause instanceof MediaError
            ? cause
            : new MediaError('engine_lost', `FreeSWITCH ${this.name}: ${String(cause)}`, { cause }),
        );
      };
      const timer = setTimeout(() => {
        fail(new Error(`no answer within ${String(ms / 1000)} s`));
        if (fatal) this.#lost(state.media, 'it does not answer');
      }, ms);
      const forget = this.whenLost(fail);
      work(state.media, () => over).then((result) => {
        if (end()) resolve(result);
      }, fail);
    });
  }
}

function replyTo(media: FsMediaServer, text: string): Promise<string> {
  return new Promise((resolve) => media.conn.api(text, (reply) => resolve(reply.getBody())));
}

/** As `replyTo`, on a connection that is not in use yet. @throws Error where none comes in time */
function answerOf(media: FsMediaServer, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${String(COMMAND_MS / 1000)} s`)), COMMAND_MS);
  replyTo(media, text).then(resolve, reject);
  return promise.finally(() => clearTimeout(timer));
}
