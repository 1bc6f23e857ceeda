import { createDecoder, createEncoder } from 'libopus-wasm';
import { afterEach, describe, expect, it } from 'vitest';
import { CODECS } from '../../../media/codec/codecs.ts';
import type { AudioCodec } from '../../../media/codec/codecs.ts';
import { OpusCodec, opusSamples } from '../../../media/codec/opus.ts';
import { MixBridge } from '../../../media/mixer/bridge.ts';
import type { MixLeg } from '../../../media/mixer/bridge.ts';
import { FRAME_MS } from '../../../media/mixer/constants.ts';
import { MixScratch } from '../../../media/mixer/listener.ts';
import { PHASE_MS, PHASES } from '../../../media/mixer/phase.ts';
import { RingPool } from '../../../media/mixer/ring.ts';
import { parseRtp, RtpHeader, writeRtpHeader } from '../../../media/rtp/packet.ts';
import { ReceiveTimeline } from '../../../media/rtp/timeline.ts';
import { share } from '../../integration/media/phone.ts';
import { matrix } from './simulation.ts';

const OPUS = 111;
const EVENT = 101;
const FIRST = 2 ** 32 - 8000; // wraps soon

interface Sent {
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Buffer;
}

const codecs: OpusCodec[] = [];
afterEach(() => {
  for (const codec of codecs.splice(0)) codec.close();
});

async function opus(): Promise<OpusCodec> {
  const codec = await OpusCodec.create();
  codecs.push(codec);
  return codec;
}

function tone(hz: number, frame: number, rate: number, channels = 1): Int16Array {
  const length = rate / 50;
  return Int16Array.from({ length: length * channels }, (_, i) => {
    const at = frame * length + Math.floor(i / channels);
    return 8000 * Math.sin((2 * Math.PI * hz * at) / rate);
  });
}

/** Packets as a browser makes them: 48000 Hz, two channels. */
async function spoken(hz: number, count: number): Promise<Buffer[]> {
  const encoder = await createEncoder({ channels: 2, sampleRate: 48_000, bitrate: 32_000 });
  const packets = Array.from({ length: count }, (_, i) => Buffer.from(encoder.encode(tone(hz, i, 48_000, 2))));
  encoder.free();
  return packets;
}

async function heard(packets: readonly Buffer[]): Promise<Int16Array> {
  const decoder = await createDecoder({ channels: 1, sampleRate: 8000 });
  const pcm = Int16Array.from(packets.flatMap((packet) => [...decoder.decode(packet)]));
  decoder.free();
  return pcm;
}

/** A bridge in simulated time, a step of 20 ms at once. */
class Call {
  now = 0;
  readonly sent = new Map<string, Sent[]>();
  readonly digits: string[] = [];
  readonly bridge = new MixBridge({
    pool: new RingPool(true),
    scratch: new MixScratch(),
    builtIn: () => null,
    onTicking: () => undefined,
  });
  readonly #legs = new Map<string, MixLeg>();
  readonly #next = new Map<string, number>();
  readonly #header = new RtpHeader();
  #version = 0;

  join(id: string, codec: AudioCodec): void {
    const leg = this.bridge.add(
      {
        id,
        ssrc: this.sent.size + 1,
        firstSequence: 65_530,
        firstTimestamp: FIRST,
        passEvents: true,
        transmit: (packet) => this.#record(id, packet),
        onDigit: (digit) => this.digits.push(id + digit),
      },
      this.now,
    );
    this.sent.set(id, []);
    this.#legs.set(id, leg);
    this.configure(id, codec);
  }

  configure(id: string, codec: AudioCodec): void {
    const payloadType = codec.staticPayloadType ?? OPUS;
    this.bridge.configure(
      this.#legs.get(id)!,
      {
        receive: new Map<number, AudioCodec | 'event'>([
          [payloadType, codec],
          [EVENT, 'event'],
        ]),
        send: { codec, payloadType, eventPayloadType: EVENT },
        eventScale: codec.clockScale,
      },
      this.now,
    );
  }

  hear(rows: Readonly<Record<string, readonly string[]>>): void {
    this.bridge.apply(matrix(rows), ++this.#version, this.now);
  }

  /** A packet of 20 ms from one of them; `timestamp` in ticks of its clock. */
  speak(id: string, payloadType: number, payload: Uint8Array, timestamp: number, marker = false): void {
    const sequence = this.#next.get(id) ?? 100;
    this.#next.set(id, sequence + 1);
    const packet = Buffer.alloc(12 + payload.length);
    writeRtpHeader(packet, marker, payloadType, sequence, timestamp, 7);
    packet.set(payload, 12);
    if (!parseRtp(packet, this.#header)) throw new Error('not RTP');
    this.bridge.receive(this.#legs.get(id)!, packet, this.#header, this.now);
  }

  step(): void {
    for (let phase = 0; phase < PHASES; phase++) this.bridge.mixOnce(this.now + phase * PHASE_MS, phase);
    this.now += FRAME_MS;
  }

  #record(id: string, packet: Uint8Array): void {
    const header = new RtpHeader();
    const copy = Buffer.from(packet);
    if (!parseRtp(copy, header)) throw new Error('not RTP sent');
    const { payloadType, sequence, timestamp, payloadStart, payloadEnd } = header;
    this.sent.get(id)!.push({ payloadType, sequence, timestamp, payload: copy.subarray(payloadStart, payloadEnd) });
  }
}

/** Differences of neighbours, modulo 2^bits. */
function steps(values: readonly number[], bits: number): number[] {
  return values.slice(1).map((value, i) => (value - values[i]! + 2 ** bits) % 2 ** bits);
}

function expectUnbroken(packets: readonly Sent[], ticks: number): void {
  expect(new Set(steps(packets.map(({ sequence }) => sequence), 16))).toEqual(new Set([1])); // prettier-ignore
  expect(new Set(steps(packets.map(({ timestamp }) => timestamp), 32))).toEqual(new Set([ticks])); // prettier-ignore
}

describe('opus', () => {
  it.each([
    ['SILK 10 ms', [0x00, 0], 80],
    ['SILK 60 ms', [0x18, 0], 480],
    ['hybrid 20 ms', [0x68, 0], 160],
    ['CELT 2.5 ms', [0x80, 0], 20],
    ['CELT 20 ms', [0xf8, 0], 160],
    ['two frames', [0xf9, 0], 320],
    ['six frames of 20 ms, the most', [0xfb, 6], 960],
    ['more than 120 ms', [0xfb, 7], 0],
    ['no count where one is wanted', [0xfb], 0],
    ['nothing', [], 0],
  ])('length of a packet by its first octets: %s', (_, octets, samples) => {
    expect(opusSamples(Uint8Array.from(octets), 0, octets.length)).toBe(samples);
  });

  it('what cannot be decoded is silence of its length, and after close() everything is', async () => {
    const codec = await opus();
    const ring = new Int16Array(1024).fill(99);
    const broken = Uint8Array.of(0xfb, 0x82, 0xff, 0xff); // lengths that lie
    expect(codec.samples(broken, 0, 4)).toBe(320);
    expect(codec.decode(broken, 0, 4, ring, 0, 1023)).toBe(false);
    expect([...ring.subarray(0, 321)]).toEqual([...new Array<number>(320).fill(0), 99]);
    codec.close();
    codec.close();
    const [packet] = await spoken(440, 1);
    expect(codec.samples(packet!, 0, packet!.length)).toBe(160);
    expect(codec.decode(packet!, 0, packet!.length, ring, 0, 1023)).toBe(false);
    expect(codec.encode(new Int16Array(160), 160, new Uint8Array(1500), 0)).toBe(0);
  });

  it('a packet that is measured and mixed is decoded once', async () => {
    const [measured, plain] = [await opus(), await opus()];
    const rings = [new Int16Array(256), new Int16Array(256)] as const;
    for (const packet of await spoken(440, 5)) {
      for (const codec of [measured, plain]) expect(codec.samples(packet, 0, packet.length)).toBe(160);
      measured.energy(packet, 0, packet.length);
      measured.decode(packet, 0, packet.length, rings[0], 0, 255);
      plain.decode(packet, 0, packet.length, rings[1], 0, 255);
      expect(rings[0]).toEqual(rings[1]);
    }
  });

  it('a timeline counts samples, whatever the RTP clock, also over its wrap', () => {
    const timeline = new ReceiveTimeline(8000);
    const header = new RtpHeader();
    const places = Array.from({ length: 20 }, (_, i) => {
      header.sequence = i;
      header.timestamp = (2 ** 32 - 9600 + i * 960) >>> 0;
      timeline.accept(header, 160, i * 20, 6);
      return timeline.timestamp;
    });
    expect(places).toEqual(Array.from({ length: 20 }, (_, i) => i * 160));
    expect(timeline.jitter).toBe(0);
  });
});

describe('opus in a call', () => {
  it('between two that have it packets go through untouched, byte for byte, with timestamps of 48000 Hz', async () => {
    const call = new Call();
    call.join('agent', await opus());
    call.join('customer', await opus());
    call.hear({ agent: ['customer'], customer: ['agent'] });
    const packets = await spoken(440, 50);
    for (const [i, packet] of packets.entries()) {
      call.speak('customer', OPUS, packet, 2 ** 32 - 4800 + i * 960);
      call.step();
    }
    const sent = call.sent.get('agent')!;
    expect(sent.map(({ payload }) => payload)).toEqual(packets);
    expectUnbroken(sent, 960);
    expect(sent[0]!.timestamp).toBe(FIRST);
  });

  it('between opus and G.711 the voice is transcoded, both ways', async () => {
    const call = new Call();
    call.join('browser', await opus());
    call.join('trunk', CODECS.PCMA);
    call.hear({ browser: ['trunk'], trunk: ['browser'] });
    const g711 = new Uint8Array(160);
    for (const [i, packet] of (await spoken(440, 80)).entries()) {
      CODECS.PCMA.encode(tone(1000, i, 8000), 160, g711, 0);
      call.speak('browser', OPUS, packet, i * 960);
      call.speak('trunk', 8, g711, i * 160);
      call.step();
    }
    const toTrunk = call.sent.get('trunk')!;
    const toBrowser = call.sent.get('browser')!;
    expect(Math.min(toTrunk.length, toBrowser.length)).toBeGreaterThan(75);
    expectUnbroken(toTrunk, 160);
    expectUnbroken(toBrowser, 960);
    expect(new Set(toBrowser.map(({ payloadType }) => payloadType))).toEqual(new Set([OPUS]));
    const pcm = new Int16Array(16_384);
    toTrunk.forEach(({ payload }, i) => CODECS.PCMA.decode(payload, 0, payload.length, pcm, i * 160, 16_383));
    expect(share(pcm.subarray(1600, 11_200), 440)).toBeGreaterThan(0.9);
    expect(share((await heard(toBrowser.map(({ payload }) => payload))).subarray(1600), 1000)).toBeGreaterThan(0.9);
  });

  it('R-HEAR-8: forwarding turns into mixing and back without a gap, a loss or a repetition', async () => {
    const call = new Call();
    call.join('agent', await opus());
    call.join('customer', await opus());
    call.join('supervisor', CODECS.PCMU);
    const talk = { agent: ['customer'], customer: ['agent'], supervisor: ['agent', 'customer'] };
    call.hear(talk);
    const packets = await spoken(440, 200);
    const silence = new Uint8Array(160).fill(0xff);
    for (const [i, packet] of packets.entries()) {
      if (i % 50 === 25) call.hear({ ...talk, agent: ['customer', 'supervisor'] });
      if (i % 50 === 0) call.hear(talk);
      call.speak('customer', OPUS, packet, i * 960);
      call.speak('supervisor', 0, silence, i * 160);
      call.step();
    }
    const sent = call.sent.get('agent')!;
    expectUnbroken(sent, 960); // each frame has its own place in time
    expect(sent.length).toBeGreaterThanOrEqual(packets.length - 2); // what the mix still holds at the end
    expect(sent.length).toBeLessThanOrEqual(packets.length);
    const untouched = sent.filter(({ payload }) => packets.some((packet) => packet.equals(payload)));
    expect(untouched.length).toBeGreaterThan(90); // while nobody whispers
    const pcm = await heard(sent.map(({ payload }) => payload));
    expect(share(pcm.subarray(1600), 440)).toBeGreaterThan(0.8);
  });

  it('R-HEAR-1: who begins to hear an opus leg hears nothing of what it said before', async () => {
    const call = new Call();
    call.join('agent', await opus());
    call.join('supervisor', CODECS.PCMU);
    call.hear({ supervisor: ['agent'] });
    const said = await spoken(440, 40);
    const encoder = await createEncoder({ channels: 2, sampleRate: 48_000 });
    const quiet = Buffer.from(encoder.encode(new Int16Array(1920)));
    encoder.free();
    for (let i = 0; i < 120; i++) {
      if (i === 40) call.hear({});
      if (i === 60) call.hear({ supervisor: ['agent'] });
      call.speak('agent', OPUS, said[i] ?? quiet, i * 960);
      call.step();
      if (i === 45) call.sent.get('supervisor')!.length = 0;
    }
    const pcm = new Int16Array(16_384);
    const sent = call.sent.get('supervisor')!;
    expect(sent.length).toBeGreaterThan(50);
    sent.forEach(({ payload }, i) => CODECS.PCMU.decode(payload, 0, payload.length, pcm, i * 160, 16_383));
    expect(Math.max(...pcm.map(Math.abs))).toBeLessThan(32);
  });

  it('a key press crosses the clocks: its length is in the ticks of its listener', async () => {
    const call = new Call();
    call.join('browser', await opus());
    call.join('trunk', CODECS.PCMU);
    call.hear({ browser: ['trunk'], trunk: ['browser'] });
    const [packet] = await spoken(440, 1);
    call.speak('browser', OPUS, packet!, 0);
    call.speak('browser', EVENT, Uint8Array.of(5, 0x8a, 0x12, 0xc0), 960, true); // 4800 ticks: 100 ms
    call.speak('trunk', EVENT, Uint8Array.of(7, 0x8a, 0x03, 0x20), 160, true); // 800 ticks: 100 ms
    const event = (id: string) => call.sent.get(id)!.find(({ payloadType }) => payloadType === EVENT)?.payload;
    expect(event('trunk')).toEqual(Buffer.of(5, 0x8a, 0x03, 0x20));
    expect(event('browser')).toEqual(Buffer.of(7, 0x8a, 0x12, 0xc0));
    expect(call.digits).toEqual(['browser5', 'trunk7']);
  });

  it('a press longer than a segment at 48000 Hz is one press (RFC 4733 section 2.5.1.3)', async () => {
    const call = new Call();
    call.join('browser', await opus());
    const [packet] = await spoken(440, 1);
    call.speak('browser', OPUS, packet!, 0);
    call.speak('browser', EVENT, Uint8Array.of(5, 0x0a, 0xff, 0xff), 960, true);
    call.speak('browser', EVENT, Uint8Array.of(5, 0x8a, 0x12, 0xc0), 960 + 0xffff);
    expect(call.digits).toEqual(['browser5']);
  });

  it('a leg that goes from G.711 to opus keeps one stream: its timestamps go on', async () => {
    const call = new Call();
    const codec = await opus();
    call.join('customer', CODECS.PCMU);
    call.join('agent', CODECS.PCMU);
    call.hear({ agent: ['customer'] });
    const voice = new Uint8Array(160).fill(0x90);
    for (let i = 0; i < 40; i++) {
      if (i === 20) call.configure('agent', codec);
      call.speak('customer', 0, voice, i * 160);
      call.step();
    }
    const sent = call.sent.get('agent')!;
    const at = sent.findIndex(({ payloadType }) => payloadType === OPUS);
    expect(at).toBeGreaterThan(0);
    expectUnbroken(sent.slice(0, at + 1), 160);
    expectUnbroken(sent.slice(at), 960);
  });
});
