/** Opus over real sockets: phones that speak it by libopus, beside one that has G.711 only. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createDecoder, createEncoder } from 'libopus-wasm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bridge } from '../../../media/engine.ts';
import { createMediasoupEngine } from '../../../media/mediasoup/index.ts';
import type { EmbeddedEngine } from '../../../media/mediasoup/index.ts';
import { matrixOf } from './contract.ts';
import { packets, Phone, share, until } from './phone.ts';

const OPUS = 96;
const HZ = { agent: 440, customer: 700, supervisor: 1000 } as const;

/** Sends a tone of 48000 Hz stereo in packets of 20 ms, and keeps what comes. */
class OpusPhone {
  readonly sent: Buffer[] = [];
  readonly received: { readonly sequence: number; readonly timestamp: number; readonly payload: Buffer }[] = [];
  readonly #socket = createSocket('udp4');
  #target = 0;
  #timer: NodeJS.Timeout | undefined;

  async open(hz: number): Promise<void> {
    this.#socket.on('message', (packet) => {
      if ((packet[1]! & 0x7f) !== OPUS) return; // RTCP goes elsewhere
      const [sequence, timestamp] = [packet.readUInt16BE(2), packet.readUInt32BE(4)];
      this.received.push({ sequence, timestamp, payload: packet.subarray(12) });
    });
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    const encoder = await createEncoder({ channels: 2, sampleRate: 48_000, bitrate: 32_000 });
    let next = performance.now();
    const tick = (): void => {
      const frame = this.sent.length;
      const pcm = Int16Array.from({ length: 1920 }, (_, i) => {
        return 6000 * Math.sin((2 * Math.PI * hz * (frame * 960 + (i >> 1))) / 48_000);
      });
      const payload = Buffer.from(encoder.encode(pcm));
      const head = Buffer.alloc(12);
      head[0] = 0x80;
      head[1] = OPUS;
      head.writeUInt16BE(frame & 0xffff, 2);
      head.writeUInt32BE(frame * 960, 4);
      head.writeUInt32BE(hz, 8);
      this.sent.push(payload);
      this.#socket.send(Buffer.concat([head, payload]), this.#target, '127.0.0.1');
      next += 20;
      this.#timer = setTimeout(tick, Math.max(0, next - performance.now()));
    };
    this.talk = tick;
  }

  talk: () => void = () => undefined;

  get offer(): string {
    return [
      'v=0',
      'o=- 1 1 IN IP4 127.0.0.1',
      's=-',
      'c=IN IP4 127.0.0.1',
      't=0 0',
      `m=audio ${this.#socket.address().port} RTP/AVP ${OPUS} 0`,
      `a=rtpmap:${OPUS} opus/48000/2`,
      '',
    ].join('\r\n');
  }

  peer(sdp: string): void {
    this.#target = Number(/^m=audio (\d+)/m.exec(sdp)![1]);
  }

  async heard(since: number): Promise<Int16Array> {
    const decoder = await createDecoder({ channels: 1, sampleRate: 8000 });
    const pcm = this.received.flatMap(({ payload }, i) => {
      const frame = [...decoder.decode(payload)];
      return i < since ? [] : frame;
    });
    decoder.free();
    return Int16Array.from(pcm);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.close();
  }
}

describe('embedded engine with opus, over RTP', { timeout: 30_000 }, () => {
  let engine: EmbeddedEngine;
  let bridge: Bridge;
  let agent: OpusPhone;
  let customer: OpusPhone;
  let supervisor: Phone;

  beforeEach(async () => {
    engine = await createMediasoupEngine({
      address: '127.0.0.1',
      rtpPorts: [42_200, 42_299],
      codecs: ['opus', 'PCMU', 'PCMA'],
      threads: 1,
    });
    bridge = await engine.createBridge('call', { onDtmf() {}, onSilence() {}, onLevels() {}, onLost() {} });
    [agent, customer] = [new OpusPhone(), new OpusPhone()];
    supervisor = await Phone.open({ hz: HZ.supervisor });
    for (const [id, phone] of Object.entries({ agent, customer })) {
      await phone.open(HZ[id as 'agent' | 'customer']);
      const endpoint = await bridge.createEndpoint({ id, offer: phone.offer });
      expect(endpoint.negotiated?.codec).toBe('opus');
      phone.peer(endpoint.localSdp);
    }
    supervisor.peer((await bridge.createEndpoint({ id: 'supervisor', offer: supervisor.sdp() })).localSdp);
  });

  afterEach(async () => {
    for (const phone of [agent, customer, supervisor]) phone.close();
    await engine.close();
  });

  it('goes through untouched between two that have it, while a supervisor with G.711 hears both', async () => {
    await bridge.applyMatrix(
      matrixOf({ agent: ['customer'], customer: ['agent'], supervisor: ['agent', 'customer'] }),
      1,
    );
    for (const phone of [agent, customer, supervisor]) phone.talk();
    await packets(supervisor, 80);
    for (const [listener, speaker] of [
      [agent, customer],
      [customer, agent],
    ] as const) {
      // prettier-ignore
      const { received } = listener;
      expect(received.length).toBeGreaterThan(50);
      for (const [i, { sequence, timestamp, payload }] of received.entries()) {
        expect(payload).toEqual(speaker.sent[i]);
        expect((sequence - received[0]!.sequence) & 0xffff).toBe(i);
        expect((timestamp - received[0]!.timestamp) >>> 0).toBe(i * 960);
      }
    }
    const heard = supervisor.audio(20);
    for (const hz of [HZ.agent, HZ.customer]) expect(share(heard, hz)).toBeGreaterThan(0.3);
  });

  it('R-HEAR-3: a whisper is mixed into opus, for the agent alone, and its end gives the packets back as they come', async () => {
    const talk = { agent: ['customer'], customer: ['agent'], supervisor: ['agent', 'customer'] };
    await bridge.applyMatrix(matrixOf({ ...talk, agent: ['customer', 'supervisor'] }), 1);
    for (const phone of [agent, customer, supervisor]) phone.talk();
    await until(() => agent.received.length >= 80, '80 packets have come to the agent');
    const whispered = await agent.heard(20);
    for (const hz of [HZ.customer, HZ.supervisor]) expect(share(whispered, hz)).toBeGreaterThan(0.3);
    expect(share(await customer.heard(20), HZ.supervisor)).toBeLessThan(0.01);
    await bridge.applyMatrix(matrixOf(talk), 2);
    const since = agent.received.length;
    await until(() => agent.received.length >= since + 60, '60 more have come');
    const untouched = agent.received
      .slice(since + 10)
      .filter(({ payload }) => customer.sent.some((one) => one.equals(payload)));
    expect(untouched.length).toBe(agent.received.length - since - 10);
    const order = agent.received.map(({ sequence }) => (sequence - agent.received[0]!.sequence) & 0xffff);
    expect(order).toEqual(order.map((_, i) => i));
    expect(share(await agent.heard(since + 20), HZ.supervisor)).toBeLessThan(0.01);
  });
});
