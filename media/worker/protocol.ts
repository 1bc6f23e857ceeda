/**
 * What the main thread and a media thread say to each other. Commands and events only: no message is sent per frame or per
 * packet. Every command is answered by one reply.
 */
import type { EndpointStats } from '../engine.ts';
import type { Cadence } from '../mixer/generator.ts';
import type { AgreedMedia } from '../sdp/session.ts';

/** Given to a thread when it starts. */
export interface ThreadOptions {
  /** Address that sockets are bound to. */
  readonly address: string;
  /** Hold music, 16 bit linear at 8000 Hz, shared by all threads. */
  readonly music: SharedArrayBuffer;
  readonly ringback: Cadence;
  /** After so many seconds without a packet a peer that should send is reported. */
  readonly silenceSeconds: number;
}

export type Rows = readonly (readonly [listener: string, sources: readonly string[]])[];

/** Something to play; `samples` at 8000 Hz, 16 bit linear. */
export type Playable =
  | { readonly kind: 'clip'; readonly samples: SharedArrayBuffer; readonly loop: boolean }
  | { readonly kind: 'tone'; readonly cadence: Cadence };

/** Bridges and legs go by numbers that the main thread never uses twice. */
export type Command =
  | { readonly type: 'createBridge'; readonly bridge: number }
  | { readonly type: 'closeBridge'; readonly bridge: number }
  | { readonly type: 'applyMatrix'; readonly bridge: number; readonly rows: Rows; readonly version: number }
  | { readonly type: 'watchLevels'; readonly bridge: number; readonly on: boolean }
  | OpenLeg
  | { readonly type: 'configureLeg'; readonly leg: number; readonly media: AgreedMedia }
  | { readonly type: 'play'; readonly leg: number; readonly playback: number; readonly what: Playable }
  | { readonly type: 'stopPlaying'; readonly leg: number; readonly playback: number }
  | { readonly type: 'legStats'; readonly leg: number }
  | { readonly type: 'closeLeg'; readonly leg: number }
  | { readonly type: 'threadStats' };

export interface OpenLeg {
  readonly type: 'openLeg';
  readonly bridge: number;
  readonly leg: number;
  /** The name by which the matrix speaks of it. */
  readonly id: string;
  /** Even; RTCP is on the next. */
  readonly port: number;
  readonly ssrc: number;
  readonly cname: string;
  readonly passEvents: boolean;
  readonly signallingAddress: string | null;
  /** Opus may be agreed with its peer. */
  readonly opus: boolean;
}

export interface ThreadStats {
  readonly bridges: number;
  readonly legs: number;
  /** Mixing steps; those that ran more than half a frame late; those left out because the thread had stood still. */
  readonly ticks: number;
  readonly lateTicks: number;
  readonly skippedTicks: number;
  readonly sendErrors: number;
  /** CPU time of the thread since its start, in µs. */
  readonly cpuMicros: number;
}

/** Replies' values by command; every other is undefined. */
export interface Values {
  readonly legStats: EndpointStats;
  readonly threadStats: ThreadStats;
}

export type ValueOf<T extends Command['type']> = T extends keyof Values ? Values[T] : undefined;

/** Why a command failed: the port is taken, there are no sockets to be had at all, or what it names is gone. */
export type Failure = 'port_busy' | 'no_socket' | 'gone';

export interface Request {
  readonly request: number;
  readonly command: Command;
}

export type FromThread =
  | { readonly type: 'ready' }
  | {
      readonly type: 'reply';
      readonly request: number;
      readonly value?: unknown;
      readonly failure?: Failure;
      readonly detail?: string;
    }
  | { readonly type: 'digit'; readonly leg: number; readonly digit: string }
  | { readonly type: 'silence'; readonly leg: number; readonly seconds: number }
  | { readonly type: 'levels'; readonly bridge: number; readonly levels: ReadonlyMap<string, number> }
  | { readonly type: 'played'; readonly leg: number; readonly playback: number };
