/**
 * All audio of one call, without sockets and without a clock: packets and the time go in, packets come out. Applies the hear
 * matrix that it is given and nothing else (R-HEAR-1); sums each listener's mix from its allowed sources only.
 */
import type { AudioCodec } from '../codec/codecs.ts';
import type { RtpHeader } from '../rtp/packet.ts';
import type { Generator } from './generator.ts';
import { levelOf } from './level.ts';
import { Listener } from './listener.ts';
import type { MixScratch } from './listener.ts';
import { PHASES } from './phase.ts';
import type { RingPool } from './ring.ts';
import { Source } from './source.ts';

export interface MixBridgeOptions {
  readonly pool: RingPool;
  readonly scratch: MixScratch;
  /** Makes the source that a matrix names and that is no leg ("music"); null: there is none of that name. */
  readonly builtIn: (name: string) => Generator | null;
  /** Whether `mixOnce` must be called for this phase every 20 ms; told at each change. */
  readonly onTicking: (phase: number, on: boolean) => void;
}

export interface MixLegOptions {
  readonly id: string;
  readonly ssrc: number;
  readonly firstSequence: number;
  readonly firstTimestamp: number;
  /** False: telephone-events are reported and not passed on. */
  readonly passEvents: boolean;
  readonly transmit: (packet: Uint8Array) => void;
  readonly onDigit: (digit: string) => void;
}

/** What was agreed with a leg's peer. */
export interface LegFormat {
  /** What the peer may send, by payload type. */
  readonly receive: ReadonlyMap<number, AudioCodec | 'event'>;
  /** What it is sent; null: nothing (it is held, or not known yet). */
  readonly send: { readonly codec: AudioCodec; readonly payloadType: number; readonly eventPayloadType: number } | null;
  /** Ticks of the clock of telephone-events in a sample, both ways. Default 1. */
  readonly eventScale?: number;
}

const NOBODY: readonly (readonly MixLeg[])[] = Array.from({ length: PHASES }, () => []);

export type Matrix = ReadonlyMap<string, ReadonlySet<string>>;

export class MixLeg {
  readonly id: string;
  readonly source: Source;
  readonly listener: Listener;
  /** What is played into this leg alone. */
  readonly clips = new Map<number, { readonly generator: Generator; readonly onEnd: () => void }>();
  /** Built-in sources that it hears now. */
  builtIns = new Map<string, Generator>();

  constructor(id: string, source: Source, listener: Listener) {
    this.id = id;
    this.source = source;
    this.listener = listener;
  }
}

export class MixBridge {
  readonly #options: MixBridgeOptions;
  readonly #legs = new Map<string, MixLeg>();
  #matrix: Matrix = new Map();
  #version = -1;
  /** By phase: legs that have something to do in each frame. */
  #active: readonly (readonly MixLeg[])[] = NOBODY;
  #watching = false;

  constructor(options: MixBridgeOptions) {
    this.#options = options;
  }

  get version(): number {
    return this.#version;
  }

  get legs(): ReadonlyMap<string, MixLeg> {
    return this.#legs;
  }

  /** A new leg is deaf and mute but for what the matrix in force says of it (R-HEAR-9). */
  add(options: MixLegOptions, now: number): MixLeg {
    const { pool, scratch } = this.#options;
    const source = new Source({ pool, onDigit: options.onDigit });
    source.passEvents = options.passEvents;
    source.watched = this.#watching;
    const leg = new MixLeg(options.id, source, new Listener({ ...options, scratch }, now));
    this.#legs.set(options.id, leg);
    this.#tuneAll(now);
    return leg;
  }

  remove(id: string, now: number): void {
    const leg = this.#legs.get(id);
    if (leg === undefined) return;
    this.#legs.delete(id);
    leg.listener.close();
    for (const clip of leg.clips.values()) clip.onEnd();
    leg.clips.clear();
    this.#tuneAll(now);
  }

  configure(leg: MixLeg, format: LegFormat, now: number): void {
    leg.source.payloads.fill(undefined);
    for (const [payloadType, codec] of format.receive) leg.source.payloads[payloadType] = codec;
    const { send, eventScale = 1 } = format;
    leg.source.eventScale = eventScale;
    leg.source.dtmf.segment = Math.round(0xffff / eventScale);
    leg.listener.configure(send?.codec ?? null, send?.payloadType ?? 0, send?.eventPayloadType ?? -1, eventScale);
    this.#tuneAll(now);
  }

  /** The whole matrix, for all legs at once, between two packets and two frames. An older version is ignored (false). */
  apply(matrix: Matrix, version: number, now: number): boolean {
    if (version < this.#version) return false;
    this.#matrix = matrix;
    this.#version = version;
    this.#tuneAll(now);
    return true;
  }

  /** A packet of a leg's peer. False: of a payload type that was not agreed. */
  receive(leg: MixLeg, packet: Uint8Array, header: RtpHeader, now: number): boolean {
    return leg.source.receive(packet, header, now);
  }

  /** Plays into one leg, on top of what it hears. `onEnd` is called once: at its end, when stopped, when the leg goes. */
  play(leg: MixLeg, key: number, generator: Generator, onEnd: () => void, now: number): void {
    leg.clips.set(key, { generator, onEnd });
    this.#tune(leg, now);
    this.#findActive();
  }

  stopPlaying(leg: MixLeg, key: number, now: number): void {
    const clip = leg.clips.get(key);
    if (clip === undefined) return;
    leg.clips.delete(key);
    this.#tune(leg, now);
    this.#findActive();
    clip.onEnd();
  }

  /** One step of 20 ms for every leg of this phase (0 to PHASES - 1) that hears a mix. */
  mixOnce(now: number, phase: number): void {
    for (const leg of this.#active[phase]!) {
      if (leg.listener.mode === 'mix') leg.listener.mix(now);
      else if (leg.clips.size > 0) this.#playUnheard(leg);
      if (leg.clips.size > 0)
        for (const [key, { generator }] of leg.clips) if (generator.ended) this.stopPlaying(leg, key, now);
    }
  }

  watchLevels(on: boolean): void {
    this.#watching = on;
    for (const { source } of this.#legs.values()) {
      source.watched = on;
      levelOf(source); // what was measured before is forgotten
    }
  }

  /** Loudness of each leg since the last call, dBov. */
  levels(): Map<string, number> {
    return new Map([...this.#legs].map(([id, { source }]) => [id, levelOf(source)]));
  }

  close(now: number): void {
    for (const id of [...this.#legs.keys()]) this.remove(id, now);
  }

  #tuneAll(now: number): void {
    for (const leg of this.#legs.values()) this.#tune(leg, now);
    this.#findActive();
  }

  #tune(leg: MixLeg, now: number): void {
    const sources: Source[] = [];
    const builtIns = new Map<string, Generator>();
    for (const name of this.#matrix.get(leg.id) ?? []) {
      const other = this.#legs.get(name);
      if (other === leg) continue; // nobody hears themselves (R-HEAR-7)
      if (other !== undefined) sources.push(other.source);
      else {
        const generator = leg.builtIns.get(name) ?? this.#options.builtIn(name);
        if (generator !== null) builtIns.set(name, generator);
      }
    }
    leg.builtIns = builtIns;
    const generators = [...builtIns.values()];
    for (const { generator } of leg.clips.values()) generators.push(generator);
    leg.listener.tune(sources, generators, now);
  }

  #playUnheard(leg: MixLeg): void {
    for (const { generator } of leg.clips.values()) generator.read(this.#options.scratch.generated);
  }

  #findActive(): void {
    const before = this.#active;
    const active: MixLeg[][] = NOBODY.map(() => []);
    for (const leg of this.#legs.values()) {
      if (leg.listener.mode === 'mix' || leg.clips.size > 0) active[leg.listener.phase]!.push(leg);
    }
    this.#active = active;
    active.forEach(({ length }, phase) => {
      if (length > 0 !== before[phase]!.length > 0) this.#options.onTicking(phase, length > 0);
    });
  }
}
