/** Ports in memory: phones, trunk and media as plain objects. Drivers for the controller's logic alone. */
import type {
  Bridge,
  BridgeEvents,
  Direction,
  Endpoint,
  EndpointOptions,
  EngineMatrix,
  MediaEngine,
  Offers,
  Playback,
  PlaySource,
} from '../../../media/engine.ts';
import type { ContactView } from '../../../src/call/views.ts';
import {
  LegFailure,
  type Dialog,
  type DialogEvents,
  type DialRequest,
  type IncomingCall,
  type ReferRequest,
  type Signalling,
  type SignallingEvents,
} from '../../../src/control/ports.ts';

/** Lets everything that waits for promises run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

const direction = (sdp: string): Direction =>
  (['sendonly', 'recvonly', 'inactive'] as const).find((d) => sdp.includes(d)) ?? 'sendrecv';

export class MemoryEndpoint implements Endpoint {
  readonly id: string;
  readonly options: EndpointOptions;
  readonly played: PlaySource[] = [];
  negotiated: Endpoint['negotiated'] = null;
  closed = false;
  readonly localSdp: string;
  readonly offers: Offers;

  constructor(options: EndpointOptions) {
    this.id = options.id;
    this.options = options;
    this.localSdp = `sdp of ${options.id}`;
    this.offers = {
      ...(options.transport === 'webrtc' ? {} : { rtp: this.localSdp }),
      ...(options.transport === 'webrtc' || options.transport === 'either'
        ? { webrtc: `browser ${this.localSdp}` }
        : {}),
    };
    if (options.offer !== undefined) this.#negotiate(options.offer);
  }

  #negotiate(sdp: string): void {
    this.negotiated = {
      codec: 'PCMU',
      direction: direction(sdp),
      address: '127.0.0.1',
      port: 4000,
      ptime: 20,
      dtmf: true,
    };
  }

  accept(answer: string): Promise<void> {
    this.#negotiate(answer);
    return Promise.resolve();
  }

  answer(offer: string): Promise<string> {
    this.#negotiate(offer);
    return Promise.resolve(this.localSdp);
  }

  offer(): Promise<string> {
    return Promise.resolve(this.localSdp);
  }

  play(source: PlaySource): Playback {
    this.played.push(source);
    return { done: Promise.resolve(), stop: () => undefined };
  }

  stats(): never {
    throw new Error('not here');
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

export class MemoryBridge implements Bridge {
  readonly callId: string;
  readonly events: BridgeEvents;
  readonly endpoints = new Map<string, MemoryEndpoint>();
  readonly applied: { matrix: EngineMatrix; version: number }[] = [];
  closed = false;
  readonly #media: MemoryMedia;

  constructor(callId: string, events: BridgeEvents, media: MemoryMedia) {
    this.callId = callId;
    this.events = events;
    this.#media = media;
  }

  createEndpoint(options: EndpointOptions): Promise<MemoryEndpoint> {
    if (this.#media.full) {
      const error = Object.assign(new Error('no port left'), { name: 'MediaError', code: 'ports_exhausted' });
      return Promise.reject(error);
    }
    const endpoint = new MemoryEndpoint(options);
    this.endpoints.set(options.id, endpoint);
    return Promise.resolve(endpoint);
  }

  async applyMatrix(matrix: EngineMatrix, version: number): Promise<void> {
    await this.#media.gate;
    if (this.#media.refuseMatrices > 0) {
      this.#media.refuseMatrices--;
      throw new Error('engine refuses');
    }
    this.applied.push({ matrix, version });
  }

  watchLevels(): void {
    // nothing to show
  }

  close(): Promise<void> {
    this.closed = true;
    for (const endpoint of this.endpoints.values()) endpoint.closed = true;
    return Promise.resolve();
  }
}

export class MemoryMedia implements MediaEngine {
  readonly name = 'mediasoup';
  readonly webrtc = { available: false };
  readonly bridges: MemoryBridge[] = [];
  full = false;
  /** So many of the next matrices are refused. */
  refuseMatrices = 0;
  gate: Promise<void> = Promise.resolve();

  createBridge(callId: string, events: BridgeEvents): Promise<Bridge> {
    const bridge = new MemoryBridge(callId, events, this);
    this.bridges.push(bridge);
    return Promise.resolve(bridge);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  bridge(callId: string): MemoryBridge {
    return this.bridges.find((b) => b.callId === callId)!;
  }
}

let dialogs = 0;

/** One phone's end of a dialog. */
export class MemoryDialog implements Dialog {
  readonly remoteSdp: string;
  readonly remoteAddress = '127.0.0.1';
  readonly sipId: Dialog['sipId'];
  events: DialogEvents | null = null;
  hungUp = false;
  hangupReason: string | undefined;
  /** What it answers to a request inside the dialog. */
  answers = 200;

  constructor(remoteSdp: string, callId = `dialog-${++dialogs}`) {
    this.remoteSdp = remoteSdp;
    this.sipId = { callId, localTag: 'l', remoteTag: 'r' };
  }

  bind(events: DialogEvents): void {
    this.events = events;
  }

  modify(): Promise<string> {
    return Promise.resolve(this.remoteSdp);
  }

  request(): Promise<number> {
    return Promise.resolve(this.answers);
  }

  hangup(reason?: string): Promise<void> {
    this.hungUp = true;
    this.hangupReason = reason;
    return Promise.resolve();
  }

  bye(): void {
    this.hungUp = true;
    this.events?.onBye('BYE', false);
  }

  /** The connection to the SIP server goes; the phone hears nothing of it. */
  lose(): void {
    this.events?.onBye('the connection to the SIP server was lost', true);
  }

  hold(): Promise<string> {
    return this.events!.onOffer('sendonly');
  }

  resume(): Promise<string> {
    return this.events!.onOffer('sendrecv');
  }

  key(digit: string): void {
    this.events!.onDtmf(digit);
  }

  /** Resolves with the progress list once accepted; rejects with the LegFailure. */
  async refer(to: string, replaces: string | null = null): Promise<number[]> {
    const reported: number[] = [];
    const request: ReferRequest = {
      to,
      replaces: replaces === null ? null : { callId: replaces, toTag: 'r', fromTag: 'l' },
      progress: (status) => reported.push(status),
    };
    await this.events!.onRefer(request);
    return reported;
  }
}

/** A phone being rung by us. */
export class Ringing {
  readonly request: DialRequest;
  state: 'ringing' | 'answered' | 'failed' | 'cancelled' = 'ringing';
  dialog: MemoryDialog | null = null;
  readonly #outcome = Promise.withResolvers<Dialog>();

  constructor(request: DialRequest) {
    this.request = request;
    request.signal.addEventListener('abort', () => {
      if (this.state !== 'ringing') return;
      this.state = 'cancelled';
      this.#outcome.reject(new LegFailure(487, 'Request Terminated'));
    });
  }

  get outcome(): Promise<Dialog> {
    return this.#outcome.promise;
  }

  answer(): MemoryDialog {
    this.dialog = new MemoryDialog('sendrecv');
    // The 200 crossed our CANCEL: the port hangs up what nobody waits for.
    if (this.state === 'cancelled') this.dialog.hungUp = true;
    else this.state = 'answered';
    this.#outcome.resolve(this.dialog);
    return this.dialog;
  }

  fail(status: number): void {
    this.state = 'failed';
    this.#outcome.reject(new LegFailure(status, 'refused'));
  }
}

/** A call made by a phone or a trunk. */
export class Incoming implements IncomingCall {
  readonly source: IncomingCall['source'];
  readonly from: IncomingCall['from'];
  readonly dialled: string;
  readonly offer: string | null;
  readonly remoteAddress = '127.0.0.1';
  readonly sipCallId = `incoming-${++dialogs}`;
  readonly progressed: { status: number; sdp: string | undefined }[] = [];
  rejected: number | null = null;
  dialog: MemoryDialog | null = null;
  cancelled = false;
  /** Lost on the way: 200 without ACK. */
  answerFails = false;
  #onCancel: (signallingLost: boolean) => void = () => undefined;

  constructor(source: IncomingCall['source'], from: IncomingCall['from'], dialled: string, offer: string | null) {
    this.source = source;
    this.from = from;
    this.dialled = dialled;
    this.offer = offer;
  }

  progress(status: 180 | 183, sdp?: string): void {
    this.progressed.push({ status, sdp });
  }

  answer(): Promise<Dialog> {
    if (this.cancelled || this.answerFails) return Promise.reject(new LegFailure(487, 'Request Terminated'));
    this.dialog = new MemoryDialog('sendrecv', this.sipCallId);
    return Promise.resolve(this.dialog);
  }

  reject(status: number): void {
    if (this.dialog === null && !this.cancelled) this.rejected ??= status;
  }

  onCancel(listener: (signallingLost: boolean) => void): void {
    this.#onCancel = listener;
    if (this.cancelled) listener(false);
  }

  cancel(signallingLost = false): void {
    if (this.dialog !== null) return;
    this.cancelled = true;
    this.#onCancel(signallingLost);
  }
}

export class MemorySignalling implements Signalling {
  readonly connected = true;
  readonly dials: Ringing[] = [];
  readonly #contacts = new Map<string, ContactView[]>();
  #events: SignallingEvents | null = null;
  draining = false;

  start(events: SignallingEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  contacts(userId: string): readonly ContactView[] {
    return this.#contacts.get(userId) ?? [];
  }

  dial(request: DialRequest): Promise<Dialog> {
    const ringing = new Ringing(request);
    this.dials.push(ringing);
    return ringing.outcome;
  }

  drain(): void {
    this.draining = true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  register(userId: string, transports: readonly string[] = ['udp']): void {
    const contact = { uri: `sip:${userId}@127.0.0.1`, userAgent: null, expiresAt: '2027-01-01' };
    this.#contacts.set(
      userId,
      transports.map((transport) => ({ ...contact, transport })),
    );
    this.#events!.onContacts(userId, this.contacts(userId));
  }

  unregister(userId: string): void {
    this.#contacts.delete(userId);
    this.#events!.onContacts(userId, []);
  }

  fromTrunk(dialled: string, number = '+44123', offer: string | null = 'sendrecv'): Incoming {
    const call = new Incoming({ kind: 'trunk', trunkId: 'pstn' }, { number, name: '' }, dialled, offer);
    this.#events!.onCall(call);
    return call;
  }

  fromUser(userId: string, dialled: string): Incoming {
    const call = new Incoming({ kind: 'user', userId }, { number: userId, name: userId }, dialled, 'sendrecv');
    this.#events!.onCall(call);
    return call;
  }

  /** The phone of a user, or a number, that is being rung now. */
  ringing(who: string): Ringing | undefined {
    return this.dials.findLast((d) => {
      const { target } = d.request;
      return d.state === 'ringing' && (target.kind === 'user' ? target.userId === who : target.number === who);
    });
  }
}
