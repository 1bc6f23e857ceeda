/**
 * A media thread: all sockets, buffers, mixers and clocks of the calls that are pinned to it. Started by ThreadHandle; every
 * command of the protocol is carried out at once, between two packets and two frames, and then confirmed.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MixBridge } from '../mixer/bridge.ts';
import { Clip, ToneGenerator } from '../mixer/generator.ts';
import type { Generator } from '../mixer/generator.ts';
import { MixScratch } from '../mixer/listener.ts';
import { PHASES } from '../mixer/phase.ts';
import { RingPool } from '../mixer/ring.ts';
import { RtpLeg } from './leg.ts';
import type {
  Command,
  Failure,
  FromThread,
  OpenLeg,
  Playable,
  Request,
  ThreadOptions,
  ThreadStats,
} from './protocol.ts';
import { Ticker } from './ticker.ts';

const LEVELS_MS = 200;

class CommandFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, detail = '') {
    super(detail);
    this.failure = failure;
  }
}

class MediaThread {
  readonly #options: ThreadOptions;
  readonly #music: Int16Array;
  readonly #post: (message: FromThread) => void;
  readonly #pool = new RingPool(true);
  readonly #scratch = new MixScratch();
  readonly #bridges = new Map<number, MixBridge>();
  readonly #legs = new Map<number, { readonly leg: RtpLeg; readonly bridge: number }>();
  readonly #watched = new Set<number>();
  /** By phase. */
  readonly #ticking = Array.from({ length: PHASES }, () => new Set<MixBridge>());
  readonly #ticker = new Ticker((now, phase) => {
    for (const bridge of this.#ticking[phase]!) bridge.mixOnce(now, phase);
  });
  #levels: NodeJS.Timeout | undefined;
  #sendErrors = 0;

  constructor(options: ThreadOptions, post: (message: FromThread) => void) {
    this.#options = options;
    this.#music = new Int16Array(options.music);
    this.#post = post;
    setInterval(() => this.#everySecond(), 1000);
  }

  async request({ request, command }: Request): Promise<void> {
    try {
      let value: unknown;
      if (command.type === 'openLeg') await this.#openLeg(command);
      else value = this.#carryOut(command);
      this.#post({ type: 'reply', request, value });
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      this.#post({ type: 'reply', request, failure: error.failure, detail: error.message });
    }
  }

  #carryOut(command: Exclude<Command, OpenLeg>): unknown {
    switch (command.type) {
      case 'createBridge':
        this.#createBridge(command.bridge);
        return undefined;
      case 'closeBridge':
        this.#closeBridge(command.bridge);
        return undefined;
      case 'applyMatrix':
        this.#bridge(command.bridge).apply(
          new Map(command.rows.map(([listener, sources]) => [listener, new Set(sources)])),
          command.version,
          performance.now(),
        );
        return undefined;
      case 'watchLevels':
        this.#watchLevels(command.bridge, command.on);
        return undefined;
      case 'configureLeg':
        this.#leg(command.leg).configure(command.media);
        return undefined;
      case 'play':
        this.#play(command.leg, command.playback, command.what);
        return undefined;
      case 'stopPlaying':
        this.#stopPlaying(command.leg, command.playback);
        return undefined;
      case 'legStats':
        return this.#leg(command.leg).stats();
      case 'closeLeg':
        this.#closeLeg(command.leg);
        return undefined;
      case 'threadStats':
        return this.#stats();
      default:
        throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
    }
  }

  #bridge(number: number): MixBridge {
    const bridge = this.#bridges.get(number);
    if (bridge === undefined) throw new CommandFailure('gone');
    return bridge;
  }

  #leg(number: number): RtpLeg {
    const entry = this.#legs.get(number);
    if (entry === undefined) throw new CommandFailure('gone');
    return entry.leg;
  }

  #createBridge(number: number): void {
    const bridge: MixBridge = new MixBridge({
      pool: this.#pool,
      scratch: this.#scratch,
      builtIn: (name) => this.#builtIn(name),
      onTicking: (phase, on) => this.#setTicking(bridge, phase, on),
    });
    this.#bridges.set(number, bridge);
  }

  #builtIn(name: string): Generator | null {
    if (name === 'music') return new Clip(this.#music, true);
    return name === 'ringback' ? new ToneGenerator(this.#options.ringback) : null;
  }

  #setTicking(bridge: MixBridge, phase: number, on: boolean): void {
    const ticking = this.#ticking[phase]!;
    if (on) ticking.add(bridge);
    else ticking.delete(bridge);
    this.#ticker.want(phase, ticking.size > 0);
  }

  #closeBridge(number: number): void {
    const bridge = this.#bridges.get(number);
    if (bridge === undefined) return;
    for (const [key, entry] of this.#legs) if (entry.bridge === number) this.#closeLeg(key);
    this.#watchLevels(number, false);
    this.#bridges.delete(number);
    bridge.close(performance.now());
  }

  async #openLeg(command: OpenLeg): Promise<void> {
    const leg = new RtpLeg(command, {
      address: this.#options.address,
      bridge: this.#bridge(command.bridge),
      silenceSeconds: this.#options.silenceSeconds,
      onDigit: (digit) => this.#post({ type: 'digit', leg: command.leg, digit }),
      onSilence: (seconds) => this.#post({ type: 'silence', leg: command.leg, seconds }),
      onSendError: () => this.#sendErrors++,
    });
    this.#legs.set(command.leg, { leg, bridge: command.bridge });
    try {
      await leg.open();
    } catch (error) {
      this.#legs.delete(command.leg);
      const busy = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      throw new CommandFailure(busy ? 'port_busy' : 'no_socket', ` (${String(error)})`);
    }
    if (leg.mixLeg === null) throw new CommandFailure('gone');
  }

  #closeLeg(number: number): void {
    const entry = this.#legs.get(number);
    if (entry === undefined) return;
    this.#legs.delete(number);
    entry.leg.close();
  }

  #play(number: number, playback: number, what: Playable): void {
    const leg = this.#leg(number);
    if (leg.mixLeg === null) throw new CommandFailure('gone');
    const generator =
      what.kind === 'clip' ? new Clip(new Int16Array(what.samples), what.loop) : new ToneGenerator(what.cadence);
    const onEnd = () => this.#post({ type: 'played', leg: number, playback });
    leg.bridge.play(leg.mixLeg, playback, generator, onEnd, performance.now());
  }

  #stopPlaying(number: number, playback: number): void {
    const leg = this.#legs.get(number)?.leg;
    if (leg?.mixLeg != null) leg.bridge.stopPlaying(leg.mixLeg, playback, performance.now());
  }

  #watchLevels(number: number, on: boolean): void {
    this.#bridges.get(number)?.watchLevels(on);
    if (on) this.#watched.add(number);
    else this.#watched.delete(number);
    clearInterval(this.#levels);
    this.#levels = this.#watched.size > 0 ? setInterval(() => this.#tellLevels(), LEVELS_MS) : undefined;
  }

  #tellLevels(): void {
    for (const bridge of this.#watched) {
      this.#post({ type: 'levels', bridge, levels: this.#bridge(bridge).levels() });
    }
  }

  #everySecond(): void {
    const now = performance.now();
    for (const { leg } of this.#legs.values()) leg.everySecond(now);
  }

  #stats(): ThreadStats {
    const { user, system } = process.threadCpuUsage();
    const { ticks, late, skipped } = this.#ticker;
    return {
      bridges: this.#bridges.size,
      legs: this.#legs.size,
      ticks,
      lateTicks: late,
      skippedTicks: skipped,
      sendErrors: this.#sendErrors,
      cpuMicros: user + system,
    };
  }
}

const port = parentPort;
if (port !== null) {
  const thread = new MediaThread(workerData as ThreadOptions, (message) => port.postMessage(message));
  port.on('message', (message: Request) => {
    // A fault that is no failure of the command ends the thread; its calls are told (onLost).
    thread.request(message).catch((error: unknown) => {
      setImmediate(() => {
        throw error;
      });
    });
  });
  port.postMessage({ type: 'ready' } satisfies FromThread);
}
