/**
 * The media engine port. An engine answers or makes SDP for the legs of a call and carries their audio by one
 * hear matrix. It decides nothing about who hears whom; it applies what it is given, whole, between two frames.
 * The same contract tests run over every engine (test/integration/media).
 */

/**
 * Listener (endpoint id) to the sources it may hear (endpoint ids, and `music` and `ringback`, which the engine makes). An
 * allow-list: a listener that is absent hears nothing, a source that is in no set is heard by nobody (R-HEAR-1).
 */
export type EngineMatrix = ReadonlyMap<string, ReadonlySet<string>>;

/** Direction of a media description as the peer stated it, from the peer's own point of view (RFC 3264 section 6.1). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** What was agreed with the peer in the last offer/answer exchange. */
export interface Negotiated {
  readonly codec: string; // "PCMU", "PCMA", "opus"
  readonly direction: Direction; // the peer's
  readonly address: string;
  readonly port: number;
  readonly ptime: number; // ms
  readonly dtmf: boolean; // RFC 4733 agreed
}

/** Stable code of every failure of an engine; `detail` tells an engineer what to do. */
export type MediaErrorCode =
  | 'sdp_invalid' // not SDP, or no audio in it: answer 400 / 488
  | 'sdp_unacceptable' // no codec or transport in common: answer 488
  | 'ports_exhausted' // no RTP port left: answer 503
  | 'webrtc_unavailable' // no mediasoup worker
  | 'engine_lost' // the worker or FreeSWITCH has died
  | 'closed'; // the bridge or endpoint is closed already

export class MediaError extends Error {
  readonly code: MediaErrorCode;
  constructor(code: MediaErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'MediaError';
    this.code = code;
  }
}

/** What a peer speaks: plain RTP, or WebRTC (ICE, DTLS-SRTP). */
export type PeerKind = 'rtp' | 'webrtc';

/** One offer for each kind of peer that may take it. */
export type Offers = Readonly<Partial<Record<PeerKind, string>>>;

export interface EndpointOptions {
  /** Participant id; the name under which the matrix speaks of this endpoint. Unique in the bridge. */
  readonly id: string;
  /** The peer's offer. Absent: the engine makes the offer, and `accept` takes the answer. */
  readonly offer?: string;
  /**
   * For an endpoint that makes the offer: what the peer speaks. With an offer the offer tells. Default `rtp`. `either`: phones
   * of both kinds are rung; there is an offer for plain RTP and, where the engine can serve browsers, one for them. The first
   * answer decides, and what was held for the other kind is given back.
   */
  readonly transport?: PeerKind | 'either';
  /**
   * Address that the peer's (authenticated) signalling comes from. RTP is accepted from the address and port in the
   * peer's SDP; only where that address differs from this one (NAT) the first packet from this address latches.
   */
  readonly signallingAddress?: string;
  /** `pass`: telephone-events go to the listeners as the matrix allows. `collect`: they are only reported. */
  readonly dtmf?: 'pass' | 'collect';
}

/** Something that is played into one endpoint, on top of what the matrix lets it hear. */
export type PlaySource =
  | { readonly kind: 'file'; readonly path: string; readonly loop?: boolean } // WAV, 8 or 16 kHz, mono, 16 bit
  | {
      readonly kind: 'tone';
      readonly hz: readonly number[];
      readonly onMs: number;
      readonly offMs?: number;
      readonly loop?: boolean;
    };

export interface Playback {
  /** Resolves when it has played to its end or was stopped. Never rejects. */
  readonly done: Promise<void>;
  stop(): void;
}

export interface EndpointStats {
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly packetsLost: number; // gaps in the peer's sequence numbers
  readonly packetsLate: number; // came after their frame was mixed
  readonly packetsRejected: number; // wrong source address (unless the kernel dropped it), not RTP, unknown payload type
  readonly jitterMs: number; // RFC 3550 section 6.4.1
  readonly ssrc: number; // our own
}

export interface Endpoint {
  readonly id: string;
  /** Our current description: the offer we made or the answer we gave. */
  readonly localSdp: string;
  /** The offer that we made, by who can take it: both kinds with `either`, until one has answered. */
  readonly offers: Offers;
  /** null until the first answer is known. */
  readonly negotiated: Negotiated | null;
  /** The peer's answer to our offer; also a provisional one (183), and again the final one. */
  accept(answer: string): Promise<void>;
  /** The peer's new offer in an established session (re-INVITE, UPDATE): resolves with our answer. */
  answer(offer: string): Promise<string>;
  /** An offer of our own in an established session. `accept` takes the answer. */
  offer(): Promise<string>;
  play(source: PlaySource): Playback;
  stats(): Promise<EndpointStats>;
  /** Idempotent. After it nothing is sent or reported. */
  close(): Promise<void>;
}

export interface BridgeEvents {
  /** A key pressed on a phone by RFC 4733, once per key press. `digit` is one of 0-9 * # A-D. */
  onDtmf(endpointId: string, digit: string): void;
  /** Nothing was received from the peer for `seconds` although it should send. */
  onSilence(endpointId: string, seconds: number): void;
  /** Loudness per endpoint, dBov, -127 to 0, some times a second, only while `watchLevels(true)`. */
  onLevels(levels: ReadonlyMap<string, number>): void;
  /** The engine lost this bridge; it is closed. Called once. */
  onLost(error: MediaError): void;
}

/** All media of one call. */
export interface Bridge {
  readonly callId: string;
  createEndpoint(options: EndpointOptions): Promise<Endpoint>;
  /**
   * Puts the whole matrix in force for all legs between two mixing frames; resolves once it is. Versions rise; an older
   * one than that in force is ignored and resolves. Endpoints that the matrix does not name are deaf and mute. Ids that
   * have no endpoint are ignored (their endpoint enters the matrix that is in force when it is created).
   */
  applyMatrix(matrix: EngineMatrix, version: number): Promise<void>;
  watchLevels(on: boolean): void;
  /** Idempotent; closes the endpoints. */
  close(): Promise<void>;
}

export interface MediaEngine {
  readonly name: 'mediasoup' | 'freeswitch';
  /** Whether WebRTC legs can be served, and if not how to turn that on. */
  readonly webrtc: { readonly available: boolean; readonly reason?: string };
  createBridge(callId: string, events: BridgeEvents): Promise<Bridge>;
  close(): Promise<void>;
}
