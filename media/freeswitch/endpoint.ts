/** A leg: offer and answer on this side, RTP in a channel of FreeSWITCH that is a member of the call's conference. */
import { randomInt } from 'node:crypto';
import type { FsEndpoint, FsEvent } from 'drachtio-fsmrf';
import type { CodecName } from '../codec/codecs.ts';
import { MediaError } from '../engine.ts';
import type { Endpoint, EndpointOptions, EndpointStats, Negotiated, Offers, Playback, PlaySource } from '../engine.ts';
import { SdpSession } from '../sdp/session.ts';
import type { AgreedMedia } from '../sdp/session.ts';
import { ownAddress, peer, unknownPeer } from './description.ts';
import { CONFERENCE_PROFILE } from './probe.ts';
import type { FreeSwitch, Log } from './server.ts';
import { flags, target } from './sounds.ts';

export interface LegContext {
  readonly server: FreeSwitch;
  readonly codecs: readonly CodecName[];
  readonly log: Log;
  readonly onDtmf: (leg: FsLeg, digit: string, ms: number) => void;
  /** Mean of the absolute samples of the last frame. */
  readonly onScore: (leg: FsLeg, score: number) => void;
  /** The channel is gone, and not by `close`. */
  readonly onGone: (leg: FsLeg) => void;
  readonly onClosed: (leg: FsLeg) => void;
}

const DESTROY_MS = 2000;
let playbacks = 0;

export class FsLeg implements Endpoint {
  readonly id: string;
  readonly uuid: string;
  /** Whether telephone-events go to the listeners. */
  readonly passesDtmf: boolean;
  /** Number in the conference; 0 until it has joined. */
  member = 0;
  readonly #channel: FsEndpoint;
  readonly #context: LegContext;
  readonly #sdp: SdpSession;
  /** What FreeSWITCH was told last of the peer. */
  #told: string;
  readonly #playbacks = new Map<string, () => void>();
  #closed: Promise<void> | null = null;
  /** Rejects when it closes: what is under way need not be waited for. */
  readonly #end = Promise.withResolvers<never>();

  private constructor(
    options: EndpointOptions,
    channel: FsEndpoint,
    sdp: SdpSession,
    told: string,
    context: LegContext,
  ) {
    this.id = options.id;
    this.uuid = channel.uuid;
    this.passesDtmf = options.dtmf !== 'collect';
    this.#channel = channel;
    this.#context = context;
    this.#sdp = sdp;
    this.#told = told;
    this.#end.promise.catch(() => undefined);
    channel.on('dtmf', ({ dtmf, duration }) => {
      if (this.#closed === null && /^[0-9*#A-D]$/.test(dtmf)) context.onDtmf(this, dtmf, Number(duration) / 8);
    });
    channel.on('destroy', () => {
      if (this.#closed === null) context.onGone(this);
    });
    channel.conn?.subscribe('MEDIA_BUG_STOP');
    channel.conn?.on(`esl::event::MEDIA_BUG_STOP::${channel.uuid}`, (event) => {
      this.#played(event.getHeader('Media-Bug-Target') ?? '');
    });
    channel.conn?.on(`esl::event::CUSTOM::${channel.uuid}`, (event) => this.#conferenceEvent(event));
  }

  /** Nothing is left where it fails. @throws MediaError */
  static async create(options: EndpointOptions, context: LegContext): Promise<FsLeg> {
    const { server, codecs } = context;
    const { offer, signallingAddress } = options;
    // The offer is judged before anything is taken for it; the address is FreeSWITCH's to say.
    const agreed =
      offer === undefined
        ? null
        : new SdpSession({ address: '0.0.0.0', port: 9, codecs, sessionId: '0' }).answer(offer).agreed;
    const told = agreed === null ? unknownPeer(codecs[0] ?? 'PCMU') : peer(agreed);
    const latch =
      agreed === null || (signallingAddress !== undefined && signallingAddress !== agreed.negotiated.address);
    const channel = await server.createEndpoint(told, latch && signallingAddress !== undefined);
    const own = ownAddress(channel.dialog?.remote.sdp ?? '');
    if (own === null) {
      await release(channel, context);
      throw new MediaError('engine_lost', `FreeSWITCH ${server.name} accepted no audio`);
    }
    const sdp = new SdpSession({ ...own, codecs, sessionId: String(randomInt(1, 2 ** 47)) });
    if (offer === undefined) sdp.offer();
    else sdp.answer(offer);
    return new FsLeg(options, channel, sdp, told, context);
  }

  /** R-HEAR-9: enters muted and deaf. @throws MediaError */
  async join(conference: string): Promise<void> {
    const { memberId } = await this.#context.server.bounded(
      this.#channel.join(conference, { profile: CONFERENCE_PROFILE, flags: { mute: true, deaf: true } }),
    );
    this.#assertOpen();
    this.member = Number(memberId);
    if (!Number.isInteger(this.member) || this.member <= 0) {
      throw new MediaError('engine_lost', `FreeSWITCH gave ${String(memberId)} as a member's number`);
    }
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  get localSdp(): string {
    return this.#sdp.text;
  }

  get offers(): Offers {
    return this.#sdp.offers;
  }

  get negotiated(): Negotiated | null {
    return this.#sdp.agreed?.negotiated ?? null;
  }

  /** Whether the peer is to send. */
  get expectsAudio(): boolean {
    const direction = this.negotiated?.direction;
    return direction === 'sendrecv' || direction === 'sendonly';
  }

  async accept(answer: string): Promise<void> {
    this.#assertOpen();
    await this.#tell(this.#sdp.accept(answer));
  }

  async answer(offer: string): Promise<string> {
    this.#assertOpen();
    const { text, agreed } = this.#sdp.answer(offer);
    await this.#tell(agreed);
    return text;
  }

  offer(): Promise<string> {
    return Promise.resolve().then(() => {
      this.#assertOpen();
      return this.#sdp.offer();
    });
  }

  play(source: PlaySource): Playback {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const nothing = { done: promise, stop: () => undefined };
    let sound: string;
    try {
      this.#assertOpen();
      sound = target(source, ++playbacks);
    } catch (error) {
      if (this.#closed === null) this.#context.log('warn', `cannot play: ${String(error)}`);
      resolve(undefined);
      return nothing;
    }
    this.#playbacks.set(sound, () => resolve(undefined));
    this.#displace('start', sound, ` 0 ${flags(source)}`);
    return {
      done: promise,
      stop: () => {
        if (!this.#playbacks.has(sound)) return;
        this.#played(sound);
        this.#displace('stop', sound, '');
      },
    };
  }

  /** Counters are FreeSWITCH's; what it drops at its socket it does not count (`packetsRejected` stays 0). */
  async stats(): Promise<EndpointStats> {
    this.#assertOpen();
    const { server } = this.#context;
    const [, dump] = await server.commands([`uuid_set_media_stats ${this.uuid}`, `uuid_dump ${this.uuid} json`]);
    const read = counters(dump ?? '');
    this.#assertOpen();
    return {
      packetsReceived: read('rtp_audio_in_packet_count'),
      packetsSent: read('rtp_audio_out_packet_count'),
      packetsLost: read('rtp_audio_in_skip_packet_count'),
      packetsLate: read('rtp_audio_in_flush_packet_count'),
      packetsRejected: 0,
      jitterMs: Math.sqrt(read('rtp_audio_in_jitter_max_variance')),
      ssrc: read('rtp_use_ssrc') >>> 0,
    };
  }

  /** Packets that have come from the peer. @throws MediaError */
  async received(): Promise<number> {
    const { server } = this.#context;
    const [, count] = await server.commands([
      `uuid_set_media_stats ${this.uuid}`,
      `uuid_getvar ${this.uuid} rtp_audio_in_packet_count`,
    ]);
    return Number(count) || 0;
  }

  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  async #release(): Promise<void> {
    this.#end.reject(closed());
    for (const sound of [...this.#playbacks.keys()]) this.#played(sound);
    this.#context.onClosed(this);
    await release(this.#channel, this.#context);
  }

  #displace(action: 'start' | 'stop', sound: string, rest: string): void {
    this.#context.server.command(`uuid_displace ${this.uuid} ${action} '${sound}'${rest}`).then(
      (reply) => {
        if (reply.startsWith('+OK')) return;
        if (action === 'start' && this.#closed === null && this.#playbacks.has(sound)) {
          this.#context.log('warn', `FreeSWITCH cannot play ${sound}: ${reply.trim().slice(0, 100)}`);
        }
        this.#played(sound);
      },
      () => this.#played(sound),
    );
  }

  #played(sound: string): void {
    const done = this.#playbacks.get(sound);
    this.#playbacks.delete(sound);
    done?.();
  }

  #conferenceEvent(event: FsEvent): void {
    if (this.#closed !== null || event.getHeader('Action') !== 'energy-level-member') return;
    // Where no audio comes the score stays that of the last frame.
    const talking = event.getHeader('Talking') === 'true';
    this.#context.onScore(this, talking ? Number(event.getHeader('Current-Energy') ?? 0) : 0);
  }

  /** FreeSWITCH is told of the peer again where something has changed. @throws MediaError */
  async #tell(agreed: AgreedMedia): Promise<void> {
    const told = peer(agreed);
    if (told === this.#told) return;
    this.#told = told;
    await Promise.race([this.#context.server.bounded(this.#channel.modify(told)), this.#end.promise]);
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw closed();
  }
}

function closed(): MediaError {
  return new MediaError('closed', 'the endpoint is closed');
}

/** Ends the channel; where its connection has gone, at least its SIP dialog. Never rejects. */
async function release(channel: FsEndpoint, { log }: LegContext): Promise<void> {
  const { dialog } = channel;
  const connected = channel.conn !== null;
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), DESTROY_MS);
  try {
    if (connected) await Promise.race([channel.destroy(), late]);
    else await Promise.race([dialog?.destroy(), late]);
  } catch (error) {
    log('warn', `a channel of FreeSWITCH could not be ended: ${String(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

function counters(dump: string): (name: string) => number {
  let variables: unknown = {};
  try {
    variables = JSON.parse(dump);
  } catch {
    // no channel any more: every counter is 0
  }
  return (name) => {
    const value = (variables as Readonly<Record<string, unknown>> | null)?.[`variable_${name}`];
    return typeof value === 'string' || typeof value === 'number' ? Number(value) || 0 : 0;
  };
}
