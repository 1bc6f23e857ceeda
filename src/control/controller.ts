/**
 * One call at work. Events go through one serial queue; the step is pure; its effects are carried out without waiting
 * for the network, and what they lead to comes back as events.
 */
import type { Bridge, BridgeEvents, MediaEngine, PeerKind, PlaySource } from '../../media/engine.ts';
import { Refusal } from '../call/errors.ts';
import type { CallEvent, Effect } from '../call/events.ts';
import { disclosedTo, type Disclosure } from '../call/disclosure.ts';
import { isLive, participant, type Call, type Context, type PhoneKind } from '../call/model.ts';
import { step } from '../call/step.ts';
import { Line, type LineOwner } from './line.ts';
import { detached, errorText, type Log } from './log.ts';
import type { Clock, IncomingCall, ReferRequest, Signalling } from './ports.ts';
import { Timers } from './timers.ts';

/** What a call needs of the house around it. */
export interface CallHost {
  readonly log: Log;
  readonly clock: Clock;
  readonly signalling: Signalling;
  readonly media: MediaEngine;
  context(): Context;
  /** After every step, with the state before it. */
  stepped(call: CallController, before: Call, effects: readonly Effect[]): void;
  key(call: CallController, leg: string, digit: string): void;
  refer(call: CallController, leg: string, refer: ReferRequest): void;
  /** R-SEE-5: who is told that a call is supervised, and by which sound. */
  readonly disclosure: { readonly to: Disclosure; readonly sound: PlaySource };
  /** What the phones of this user speak, or those of one kind. */
  speaks(userId: string, only?: PhoneKind): PeerKind | 'either';
}

/** Who looks at the levels of a call, by participant. */
export interface LevelsOf {
  onLevels(levels: ReadonlyMap<string, number>): void;
  /** The call has ended. */
  onEnd(): void;
}

interface Waiter {
  readonly version: number;
  resolve(): void;
  reject(error: Refusal): void;
}

export class CallController implements LineOwner {
  readonly log: Log;
  readonly clock: Clock;
  readonly signalling: Signalling;
  readonly bridge: Promise<Bridge>;
  readonly #host: CallHost;
  readonly #timers: Timers;
  readonly #lines = new Map<string, Line>();
  readonly #inbox: CallEvent[] = [];
  #state: Call;
  #running = false;
  #waiters: Waiter[] = [];
  #disclosed = new Set<string>();
  readonly #watchers = new Set<LevelsOf>();
  #closed = false;

  constructor(host: CallHost, state: Call) {
    this.#host = host;
    this.#state = state;
    this.log = host.log;
    this.clock = host.clock;
    this.signalling = host.signalling;
    this.#timers = new Timers(host.clock);
    this.bridge = host.media.createBridge(state.id, this.#bridgeEvents());
    this.bridge.catch((error: unknown) => this.post({ type: 'mediaLost', detail: errorText(error) }));
  }

  get id(): string {
    return this.#state.id;
  }

  get state(): Call {
    return this.#state;
  }

  /** Legs and timers that are still held: none once the call is closed. */
  get held(): { readonly lines: number; readonly timers: number } {
    return { lines: this.#lines.size, timers: this.#timers.size };
  }

  line(leg: string): Line | undefined {
    return this.#lines.get(leg);
  }

  /** Binds the phone that has called to its participant. */
  receive(leg: string, incoming: IncomingCall, options: { keys: boolean; begin: boolean }): void {
    const line = new Line(leg, this);
    this.#lines.set(leg, line);
    line.receive(incoming, options);
  }

  /** A request: throws its refusal. Its outcome is in `state` when this returns. */
  perform(event: CallEvent): void {
    if (this.#closed) throw new Refusal('conflict', 'The call has ended.');
    this.#take(event);
    this.#drain();
  }

  /** Something that has happened: it cannot be refused. */
  post(event: CallEvent): void {
    this.#inbox.push(event);
    this.#drain();
  }

  key(leg: string, digit: string): void {
    this.#host.key(this, leg, digit);
  }

  refer(leg: string, refer: ReferRequest): void {
    this.#host.refer(this, leg, refer);
  }

  /** Levels are measured while at least one watches. Returns a function that ends it: false where it has ended already. */
  watchLevels(watcher: LevelsOf): () => boolean {
    if (this.#closed) throw new Refusal('conflict', 'The call has ended.');
    this.#watchers.add(watcher);
    if (this.#watchers.size === 1) this.#measure(true);
    return () => {
      if (!this.#watchers.delete(watcher)) return false;
      if (this.#watchers.size === 0) this.#measure(false);
      return true;
    };
  }

  #measure(on: boolean): void {
    this.bridge.then(
      (bridge) => {
        if (!this.#closed && on === this.#watchers.size > 0) bridge.watchLevels(on);
      },
      () => undefined, // Without a bridge the call ends, and the watchers with it.
    );
  }

  /** Resolves once the matrix of the current state is in force; rejects with `media_unavailable`. */
  confirmed(): Promise<void> {
    const { matrixVersion, confirmedVersion } = this.#state;
    if (confirmedVersion >= matrixVersion) return Promise.resolve();
    if (this.#closed) return Promise.reject(new Refusal('conflict', 'The call has ended.'));
    return new Promise((resolve, reject) => this.#waiters.push({ version: matrixVersion, resolve, reject }));
  }

  #drain(): void {
    if (this.#running) return;
    for (let event = this.#inbox.shift(); event !== undefined; event = this.#inbox.shift()) {
      if (this.#closed) continue;
      try {
        this.#take(event);
      } catch (error) {
        if (error instanceof Refusal) this.log('warn', `call ${this.id}: ${event.type} refused: ${error.message}`);
        else this.#abandon(event, error);
      }
    }
  }

  /** A fault of ours costs the call, not the server: everybody is hung up. */
  #abandon(event: CallEvent, error: unknown): void {
    this.log('error', `call ${this.id}: ${event.type}: ${errorText(error)}`);
    if (event.type === 'shutdown') throw error;
    this.#inbox.splice(0, Infinity, { type: 'shutdown' });
  }

  #take(event: CallEvent): void {
    const before = this.#state;
    const { state, effects } = step(before, event, this.#host.context());
    this.#state = state;
    this.#running = true;
    try {
      for (const effect of effects) this.#carryOut(effect);
      this.#release(effects);
      this.#disclose();
      this.#settle(event);
      this.#host.stepped(this, before, effects);
      if (state.phase === 'closed') this.#close();
    } finally {
      this.#running = false;
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'matrix':
        detached(this.log, 'matrix', this.#applyMatrix(effect));
        return;
      case 'progress':
        this.#lines.get(effect.leg)?.progress(effect.early);
        return;
      case 'answer':
        this.#lines.get(effect.leg)?.answer();
        return;
      case 'dial': {
        if (participant(this.#state, effect.leg)?.leg.kind !== 'ringing') return;
        const line = new Line(effect.leg, this);
        this.#lines.set(effect.leg, line);
        line.dial({
          target: effect.to,
          from: effect.from,
          autoAnswer: effect.autoAnswer,
          keys: effect.keys,
          transport: effect.to.kind === 'user' ? this.#host.speaks(effect.to.userId, effect.only) : 'rtp',
        });
        return;
      }
      case 'timer':
        if (effect.seconds === null) this.#timers.clear(effect.name);
        else {
          this.#timers.set(effect.name, effect.seconds * 1000, () => this.post({ type: 'timer', name: effect.name }));
        }
        return;
      case 'referDone':
        this.#lines.get(effect.leg)?.referDone(effect.status, effect.reason);
        return;
      default: // the rest is the host's, see `stepped`
        return;
    }
  }

  async #applyMatrix(effect: Extract<Effect, { type: 'matrix' }>): Promise<void> {
    const { version } = effect;
    try {
      const bridge = await this.bridge;
      await bridge.applyMatrix(effect.matrix, version);
      this.post({ type: 'matrixConfirmed', version });
    } catch (error) {
      this.post({ type: 'matrixFailed', version, detail: errorText(error) });
    }
  }

  /** Every leg that has left the call is taken down, whoever made it leave. */
  #release(effects: readonly Effect[]): void {
    for (const [id, line] of this.#lines) {
      const p = participant(this.#state, id);
      if (p !== undefined && isLive(p)) continue;
      const drop = effects.find((e) => e.type === 'drop' && e.leg === id);
      this.#lines.delete(id);
      if (drop?.type === 'drop') line.close(drop.status, drop.reason);
      else line.close(480, 'left');
    }
  }

  #disclose(): void {
    const { to, sound } = this.#host.disclosure;
    const told = disclosedTo(this.#state, to);
    for (const id of told) if (!this.#disclosed.has(id)) this.#lines.get(id)?.play(sound);
    for (const id of this.#disclosed) if (!told.has(id)) this.#lines.get(id)?.play(null);
    this.#disclosed = told;
  }

  #settle(event: CallEvent): void {
    if (event.type === 'matrixConfirmed') {
      for (const w of this.#waiters) if (w.version <= event.version) w.resolve();
      this.#waiters = this.#waiters.filter((w) => w.version > event.version);
    } else if (event.type === 'matrixFailed') {
      this.#rejectWaiters(new Refusal('media_unavailable', event.detail));
    }
  }

  #rejectWaiters(error: Refusal): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timers.close();
    this.#rejectWaiters(new Refusal('conflict', 'The call has ended.'));
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.onEnd();
    this.bridge.then(
      (bridge) => detached(this.log, 'close bridge', bridge.close()),
      () => undefined,
    );
  }

  #bridgeEvents(): BridgeEvents {
    return {
      onDtmf: (leg, digit) => this.key(leg, digit),
      onSilence: (leg, seconds) => {
        this.log('info', `call ${this.id}: nothing received from ${leg} for ${seconds} s`);
        this.#lines.get(leg)?.probe();
      },
      onLevels: (levels) => {
        for (const watcher of [...this.#watchers]) watcher.onLevels(levels);
      },
      onLost: (error) => this.post({ type: 'mediaLost', detail: error.message }),
    };
  }
}
