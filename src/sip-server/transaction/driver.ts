/** What client and server transactions have in common: a machine, its timers, and a way to send. */
import { serialize } from '../message/serialize.ts';
import type { SipMessage } from '../message/types.ts';
import type { Flow } from '../transport/types.ts';
import { Timers } from './clock.ts';
import type { Clock } from './clock.ts';
import { INITIAL, transition } from './machine.ts';
import type { Effect, Event, Kind, State } from './machine.ts';
import { timerMs } from './timing.ts';
import type { TimerName } from './timing.ts';

/** Sends octets; rejects where the transport has failed. */
export type Send = (octets: Buffer, flow: Flow) => Promise<void>;

export interface DriverOptions {
  readonly clock: Clock;
  readonly send: Send;
  /** Called once, when the transaction is over and may be forgotten. */
  readonly ended: () => void;
}

export function isReliable(flow: Flow): boolean {
  return flow.protocol !== 'udp';
}

/** Runs one machine: `feed` takes an event through the table and carries its effects out, in their order. */
export abstract class Driver {
  protected readonly options: DriverOptions;
  readonly #kind: Kind;
  readonly #timers: Timers<TimerName>;
  readonly #set = new Map<TimerName, number>();
  #state: State;

  constructor(kind: Kind, options: DriverOptions) {
    this.#kind = kind;
    this.options = options;
    this.#state = INITIAL[kind];
    this.#timers = new Timers<TimerName>(options.clock);
  }

  get state(): State {
    return this.#state;
  }

  get over(): boolean {
    return this.#state === 'terminated';
  }

  /** Where its messages go. */
  protected abstract get flow(): Flow;

  /** Carries out an effect that is no timer. */
  protected abstract perform(effect: Exclude<Effect, `${'+' | '-'}${TimerName}`>): void;

  /** False if the event was absorbed. */
  protected feed(event: Event): boolean {
    if (this.#state === 'terminated') return false;
    const row = transition(this.#kind, this.#state, event);
    if (row === undefined) return false;
    this.#state = row.to;
    const over: TimerName[] = [];
    for (const effect of row.effects) {
      if (effect.startsWith('+')) this.#start(effect.slice(1) as TimerName, over);
      else if (effect.startsWith('-')) this.#timers.clear(effect.slice(1) as TimerName);
      else this.perform(effect as Exclude<Effect, `${'+' | '-'}${TimerName}`>);
    }
    if (row.to === 'terminated') this.#end();
    for (const timer of over) this.feed(timer);
    return true;
  }

  #start(timer: TimerName, over: TimerName[]): void {
    const nth = this.#set.get(timer) ?? 0;
    this.#set.set(timer, nth + 1);
    const ms = timerMs(timer, isReliable(this.flow), nth);
    if (ms === undefined) return;
    if (ms === 0) over.push(timer);
    else this.#timers.set(timer, ms, () => void this.feed(timer));
  }

  /** Ends without a word to anyone: the server closes. */
  abandon(): void {
    if (this.#state !== 'terminated') {
      this.#state = 'terminated';
      this.#end();
    }
  }

  #end(): void {
    this.#timers.clearAll();
    this.options.ended();
  }

  protected transmit(octets: Buffer): void {
    this.options.send(octets, this.flow).catch(() => this.feed('error'));
  }

  protected encode(message: SipMessage): Buffer {
    return serialize(message);
  }
}
