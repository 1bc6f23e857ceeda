/** A robot's audio socket: sends a frame every 20 ms by absolute deadlines, hands on what it receives. */
import { createSocket, type Socket } from 'node:dgram';
import { ALAW_TO_LINEAR, LINEAR_TO_ALAW, LINEAR_TO_ULAW, ULAW_TO_LINEAR } from '../../media/codec/g711.ts';
import { HEADER_LENGTH, isRtcp, parseRtp, RtpHeader, writeRtpHeader } from '../../media/rtp/packet.ts';
import { FRAME } from './pilot.ts';
import { PAYLOAD_TYPE, type RemoteMedia } from './sdp.ts';

const STEP = 20; // ms
const MAX_LATE = 200; // ms; after a longer stop the frames in between are left out

export interface AudioOptions {
  /** The next 20 ms to be sent. */
  readonly source: () => Int16Array;
  readonly onFrame: (frame: Int16Array) => void;
}

export class RobotAudio {
  readonly port: number;
  readonly #socket: Socket;
  readonly #options: AudioOptions;
  readonly #ssrc = Math.floor(Math.random() * 0x1_0000_0000);
  readonly #header = new RtpHeader();
  #remote: RemoteMedia | null = null;
  #sending = false;
  #timer: NodeJS.Timeout | null = null;
  #deadline = 0;
  #sequence = Math.floor(Math.random() * 0x10000);
  #timestamp = Math.floor(Math.random() * 0x1_0000_0000);
  #closed = false;
  /** Packets sent and received, for tests and the demo. */
  sent = 0;
  received = 0;
  /** Breaks in the sequence numbers of what was received: packets that never came. */
  lost = 0;
  #expected: number | null = null;

  private constructor(socket: Socket, options: AudioOptions) {
    this.#socket = socket;
    this.#options = options;
    this.port = socket.address().port;
    socket.on('message', (packet) => this.#receive(packet));
    // An ICMP "port unreachable" of the peer: it is not there yet, or not any more.
    socket.on('error', () => undefined);
  }

  static open(address: string, options: AudioOptions): Promise<RobotAudio> {
    return new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.bind(0, address, () => {
        socket.off('error', reject);
        resolve(new RobotAudio(socket, options));
      });
    });
  }

  /** Where to send, and whether. */
  direct(remote: RemoteMedia, sending: boolean): void {
    if (this.#closed) return;
    this.#remote = remote;
    this.#sending = sending;
    if (this.#timer === null) {
      this.#deadline = performance.now();
      this.#tick();
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket.close();
  }

  #tick(): void {
    if (this.#closed) return;
    const now = performance.now();
    if (now - this.#deadline > MAX_LATE) {
      const missed = Math.floor((now - this.#deadline) / STEP);
      this.#deadline += missed * STEP;
      this.#timestamp += missed * FRAME;
    }
    while (this.#deadline <= now) {
      this.#send();
      this.#deadline += STEP;
    }
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, this.#deadline - performance.now()));
  }

  #send(): void {
    const pcm = this.#options.source();
    const remote = this.#remote;
    if (remote !== null && this.#sending) {
      const packet = Buffer.alloc(HEADER_LENGTH + FRAME);
      writeRtpHeader(
        packet,
        this.sent === 0,
        PAYLOAD_TYPE[remote.codec],
        this.#sequence++,
        this.#timestamp,
        this.#ssrc,
      );
      const table = remote.codec === 'PCMU' ? LINEAR_TO_ULAW : LINEAR_TO_ALAW;
      for (let i = 0; i < FRAME; i++) packet[HEADER_LENGTH + i] = table[(pcm[i] ?? 0) & 0xffff] ?? 0;
      this.#socket.send(packet, remote.port, remote.address, () => undefined);
      this.sent++;
    }
    this.#timestamp += FRAME;
  }

  #receive(packet: Buffer): void {
    if (isRtcp(packet) || !parseRtp(packet, this.#header)) return;
    const { payloadType, payloadStart, payloadEnd } = this.#header;
    const table =
      payloadType === PAYLOAD_TYPE.PCMU ? ULAW_TO_LINEAR : payloadType === PAYLOAD_TYPE.PCMA ? ALAW_TO_LINEAR : null;
    if (table === null) return;
    this.received++;
    const { sequence } = this.#header;
    const gap = this.#expected === null ? 0 : (sequence - this.#expected) & 0xffff;
    if (gap < 0x8000) {
      this.lost += gap;
      this.#expected = (sequence + 1) & 0xffff;
    }
    this.#options.onFrame(Int16Array.from(packet.subarray(payloadStart, payloadEnd), (code) => table[code] ?? 0));
  }
}
