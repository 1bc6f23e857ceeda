/**
 * One call: a conference on one FreeSWITCH. Everything that changes who hears whom is done one after the other, so that the
 * relations in the conference are always those of one matrix.
 */
import { randomUUID } from 'node:crypto';
import { MediaError } from '../engine.ts';
import type { Bridge, BridgeEvents, Endpoint, EndpointOptions, EngineMatrix, Playback, PlaySource } from '../engine.ts';
import type { CodecName } from '../codec/codecs.ts';
import { isWebRtc } from '../sdp/remote.ts';
import { FsLeg } from './endpoint.ts';
import type { LegContext } from './endpoint.ts';
import { changes, deniedAnew, deniedPairs, denialsAfter, isConfirmed, relateCommand } from './relations.ts';
import type { Denied, Relate } from './relations.ts';
import type { FreeSwitch, Log } from './server.ts';
import { dbov } from './sounds.ts';

export interface BridgeContext {
  readonly codecs: readonly CodecName[];
  readonly sounds: Readonly<Record<'music' | 'ringback', PlaySource>>;
  readonly silenceSeconds: number;
  readonly webrtcReason: string;
  readonly log: Log;
  readonly onClosed: (bridge: FsBridge) => void;
}

/** As long as the shortest press that FreeSWITCH sends (RFC 4733, in ms). */
const SHORTEST_PRESS_MS = 50;
const LONGEST_PRESS_MS = 6000;
const LEVELS_MS = 200;

export class FsBridge implements Bridge {
  readonly callId: string;
  readonly #conference = `earshot-${randomUUID()}`;
  readonly #server: FreeSwitch;
  readonly #context: BridgeContext;
  readonly #events: BridgeEvents;
  readonly #forget: () => void;
  readonly #ids = new Set<string>();
  /** Every channel of the call. */
  readonly #legs = new Set<FsLeg>();
  /** Those whose relations are in force, by id. */
  readonly #members = new Map<string, FsLeg>();
  #denied: Denied = new Map();
  /** Changes of it that FreeSWITCH did not confirm. */
  readonly #doubtful: Relate[] = [];
  #matrix: EngineMatrix = new Map();
  #version = Number.NEGATIVE_INFINITY;
  #work: Promise<unknown> = Promise.resolve();
  /** Music and ringback under way, by leg and name. */
  readonly #tracks = new Map<FsLeg, Map<string, Playback>>();
  #scores = new Map<string, number>();
  #levels: NodeJS.Timeout | null = null;
  readonly #silence: NodeJS.Timeout;
  readonly #heard = new Map<FsLeg, { packets: number; since: number; told: boolean }>();
  #closed = false;

  constructor(callId: string, server: FreeSwitch, context: BridgeContext, events: BridgeEvents) {
    this.callId = callId;
    this.#server = server;
    this.#context = context;
    this.#events = events;
    server.load++;
    this.#forget = server.whenLost((error) => this.#lost(error));
    this.#silence = setInterval(() => this.#watchSilence(), Math.max(500, (context.silenceSeconds * 1000) / 2));
  }

  async createEndpoint(options: EndpointOptions): Promise<Endpoint> {
    this.#assertOpen();
    if (options.offer === undefined ? options.transport === 'webrtc' : isWebRtc(options.offer)) {
      throw new MediaError('webrtc_unavailable', this.#context.webrtcReason);
    }
    if (this.#ids.has(options.id)) throw new TypeError(`the bridge has an endpoint ${options.id} already`);
    this.#ids.add(options.id);
    let leg: FsLeg | null = null;
    try {
      leg = await FsLeg.create(options, this.#legContext());
      this.#legs.add(leg);
      this.#assertOpen();
      await leg.join(this.#conference);
      await this.#enter(leg);
      return leg;
    } catch (error) {
      if (leg === null) this.#ids.delete(options.id);
      else await leg.close();
      throw error;
    }
  }

  async applyMatrix(matrix: EngineMatrix, version: number): Promise<void> {
    this.#assertOpen();
    if (version <= this.#version) return;
    this.#version = version;
    const wanted: EngineMatrix = new Map([...matrix].map(([listener, sources]) => [listener, new Set(sources)]));
    await this.#serially(async () => {
      this.#assertOpen();
      if (version < this.#version) return; // a newer one is about to be put in force
      this.#matrix = wanted;
      await this.#relate(this.#members.values());
    });
  }

  watchLevels(on: boolean): void {
    if (this.#closed || on === (this.#levels !== null)) return;
    if (this.#levels !== null) clearInterval(this.#levels);
    this.#levels = on ? setInterval(() => this.#measure(), LEVELS_MS) : null;
    this.#scores = new Map();
  }

  /** Idempotent; the channels end, and the conference with the last of them. */
  async close(): Promise<void> {
    const legs = [...this.#legs];
    this.#end();
    await Promise.all(legs.map((leg) => leg.close()));
  }

  #legContext(): LegContext {
    return {
      server: this.#server,
      codecs: this.#context.codecs,
      log: this.#context.log,
      onDtmf: (leg, digit, ms) => this.#pressed(leg, digit, ms),
      onScore: (leg, score) => this.#scores.set(leg.id, dbov(score)),
      onGone: (leg) =>
        this.#lost(new MediaError('engine_lost', `FreeSWITCH ${this.#server.name} ended the leg ${leg.id}`)),
      onClosed: (leg) => this.#left(leg),
    };
  }

  /** R-HEAR-9: the newcomer is muted and deaf until every relation that the matrix wants is confirmed. */
  #enter(leg: FsLeg): Promise<void> {
    return this.#serially(async () => {
      this.#assertOpen();
      await this.#relate([...this.#members.values(), leg]);
      const member = String(leg.member);
      for (const verb of ['unmute', 'undeaf']) {
        const reply = await this.#command(`${verb} ${member}`);
        if (!reply.startsWith('+OK')) throw this.#refused(verb, reply);
      }
      if (this.#closed || leg.isClosed)
        throw new MediaError('closed', 'the endpoint was closed while it was being made');
      this.#members.set(leg.id, leg);
      this.#playTracks();
    });
  }

  /**
   * Puts the matrix in force between these members. Nothing is given before everything that is taken away is confirmed
   * (R-HEAR-7): where that fails, no pair is open that was not before, and whoever asked removes the supervisor (R-HEAR-9).
   */
  async #relate(members: Iterable<FsLeg>): Promise<void> {
    const all = [...members];
    await this.#carryOut(deniedAnew(this.#doubtful.splice(0), all), all);
    const steps = changes(this.#denied, deniedPairs(all, this.#matrix));
    for (const action of ['nospeak', 'clear'] as const) {
      await this.#carryOut(
        steps.filter((step) => step.action === action),
        all,
      );
    }
    this.#playTracks();
  }

  /** All written at once, each pair confirmed. @throws MediaError */
  async #carryOut(steps: readonly Relate[], members: readonly FsLeg[]): Promise<void> {
    const replies = await Promise.all(steps.map((step) => this.#command(relateCommand(step))));
    const gone = (member: number): boolean => members.some((leg) => leg.member === member && leg.isClosed);
    const refused: string[] = [];
    steps.forEach((step, index) => {
      const reply = replies[index] ?? '';
      // Who hung up meanwhile hears nobody and is heard by nobody.
      const confirmed = isConfirmed(step, reply) || [...step.sources, ...step.listeners].some(gone);
      this.#denied = denialsAfter(this.#denied, step, confirmed);
      if (confirmed) return;
      this.#doubtful.push(step);
      refused.push(reply);
    });
    if (refused[0] !== undefined) throw this.#refused('relate', refused[0]);
  }

  /** Starts and stops music and ringback as the matrix wants. */
  #playTracks(): void {
    for (const leg of this.#members.values()) {
      const playing = this.#tracks.get(leg) ?? new Map<string, Playback>();
      this.#tracks.set(leg, playing);
      for (const name of ['music', 'ringback'] as const) {
        const wanted = this.#matrix.get(leg.id)?.has(name) === true;
        const current = playing.get(name);
        if (wanted && current === undefined) playing.set(name, leg.play(this.#context.sounds[name]));
        if (!wanted && current !== undefined) {
          playing.delete(name);
          current.stop();
        }
      }
    }
  }

  #left(leg: FsLeg): void {
    this.#legs.delete(leg);
    this.#ids.delete(leg.id);
    this.#tracks.delete(leg);
    this.#heard.delete(leg);
    this.#scores.delete(leg.id);
    if (this.#members.get(leg.id) === leg) this.#members.delete(leg.id);
    const { member } = leg;
    this.#denied = new Map(
      [...this.#denied]
        .filter(([source]) => source !== member)
        .map(([source, listeners]) => [source, new Set([...listeners].filter((listener) => listener !== member))]),
    );
  }

  #pressed(leg: FsLeg, digit: string, ms: number): void {
    if (this.#closed) return;
    this.#events.onDtmf(leg.id, digit);
    if (!leg.passesDtmf) return;
    const length = Math.round(Math.min(LONGEST_PRESS_MS, Math.max(SHORTEST_PRESS_MS, ms || 0)));
    for (const listener of this.#members.values()) {
      if (listener.negotiated?.dtmf !== true || this.#matrix.get(listener.id)?.has(leg.id) !== true) continue;
      this.#detached(this.#server.command(`uuid_send_dtmf ${listener.uuid} ${digit}@${String(length)}`));
    }
  }

  /** Tells what the last question brought, and asks again: setting the energy gate, which stays off, tells every level. */
  #measure(): void {
    if (this.#scores.size > 0) this.#events.onLevels(this.#scores);
    this.#scores = new Map();
    if (this.#members.size > 0) this.#detached(this.#command('energy all 0'));
  }

  #watchSilence(): void {
    for (const leg of this.#members.values()) {
      if (!leg.expectsAudio) this.#heard.delete(leg);
      else this.#detached(leg.received().then((packets) => this.#counted(leg, packets)));
    }
  }

  #counted(leg: FsLeg, packets: number): void {
    if (this.#closed || leg.isClosed) return;
    const now = performance.now();
    const last = this.#heard.get(leg);
    if (last?.packets !== packets) {
      this.#heard.set(leg, { packets, since: now, told: false });
      return;
    }
    const seconds = Math.floor((now - last.since) / 1000);
    if (last.told || seconds < this.#context.silenceSeconds) return;
    last.told = true;
    this.#events.onSilence(leg.id, seconds);
  }

  #command(text: string): Promise<string> {
    return this.#server.command(`conference ${this.#conference} ${text}`);
  }

  #serially<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#work.then(task);
    this.#work = result.catch(() => undefined);
    return result;
  }

  #lost(error: MediaError): void {
    if (this.#closed) return;
    const legs = [...this.#legs];
    this.#end();
    this.#detached(Promise.all(legs.map((leg) => leg.close())));
    this.#events.onLost(error);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.load--;
    this.#forget();
    clearInterval(this.#silence);
    if (this.#levels !== null) clearInterval(this.#levels);
    this.#context.onClosed(this);
  }

  #refused(verb: string, reply: string): MediaError {
    return new MediaError(
      'engine_lost',
      `FreeSWITCH ${this.#server.name} refused ${verb}: ${reply.trim().slice(0, 100)}`,
    );
  }

  #detached(task: Promise<unknown>): void {
    task.catch((error: unknown) => {
      if (!(error instanceof MediaError)) this.#context.log('error', `FreeSWITCH: ${String(error)}`);
    });
  }

  #assertOpen(): void {
    if (this.#closed) throw new MediaError('closed', 'the bridge is closed');
  }
}
