/**
 * What Opus costs in the media thread, per call and second: forwarded between two that have it, and transcoded where the other
 * end has G.711; the same call with G.711 at both ends stands beside it. `node test/bench/opus.ts`
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createEncoder } from 'libopus-wasm';
import type { EngineMatrix } from '../../media/engine.ts';
import { createMediasoupEngine, type EmbeddedEngine } from '../../media/mediasoup/index.ts';
import { quantile, table, type Figure } from './table.ts';

const CALLS = 10;
const TURNS = 5;
const TURN_MS = 1000;
const OPUS = 96;

type Codec = 'opus' | 'PCMU';

const TALK: EngineMatrix = new Map([
  ['customer', new Set(['agent'])],
  ['agent', new Set(['customer'])],
]);
const LISTEN: EngineMatrix = new Map([...TALK, ['supervisor', new Set(['customer', 'agent'])]]);

/** A second of payloads of 20 ms: a voice-like sweep. */
async function payloads(): Promise<Record<Codec, Buffer[]>> {
  const encoder = await createEncoder({ channels: 2, sampleRate: 48_000, bitrate: 32_000 });
  const frames = Array.from({ length: 50 }, (_, frame) => frame);
  const opus = frames.map((frame) => {
    const pcm = Int16Array.from({ length: 1920 }, (_, i) => {
      const at = (frame * 960 + (i >> 1)) / 48_000;
      return 8000 * Math.sin(2 * Math.PI * (150 + 500 * at) * at);
    });
    return Buffer.from(encoder.encode(pcm));
  });
  encoder.free();
  const g711 = (frame: number) =>
    Buffer.from(Uint8Array.from({ length: 160 }, (_, i) => 0x80 + ((i * 7 + frame) % 100)));
  return { opus, PCMU: frames.map(g711) };
}

interface Leg {
  send(frame: number): void;
  close(): void;
}

async function cost(
  engine: EmbeddedEngine,
  speech: Record<Codec, Buffer[]>,
  codecs: Record<string, Codec>,
): Promise<number> {
  const legs: Leg[] = [];
  const bridges = [];
  for (let call = 0; call < CALLS; call++) {
    const bridge = await engine.createBridge(`call-${call}`, {
      onDtmf: () => undefined,
      onSilence: () => undefined,
      onLevels: () => undefined,
      onLost: () => undefined,
    });
    bridges.push(bridge);
    for (const [id, codec] of Object.entries(codecs)) {
      const socket = createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const [type, map] = codec === 'opus' ? [OPUS, `a=rtpmap:${OPUS} opus/48000/2\r\n`] : [0, ''];
      const head = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n';
      const offer = `${head}m=audio ${socket.address().port} RTP/AVP ${type}\r\n${map}`;
      const { localSdp } = await bridge.createEndpoint({ id, offer });
      const port = Number(/^m=audio (\d+)/m.exec(localSdp)![1]);
      const ssrc = legs.length + 1;
      legs.push({
        send: (frame) => {
          const packet = Buffer.concat([Buffer.alloc(12), speech[codec][frame % 50]!]);
          packet[0] = 0x80;
          packet[1] = type;
          packet.writeUInt16BE(frame & 0xffff, 2);
          packet.writeUInt32BE(frame * (codec === 'opus' ? 960 : 160), 4);
          packet.writeUInt32BE(ssrc, 8);
          socket.send(packet, port, '127.0.0.1');
        },
        close: () => socket.close(),
      });
    }
    await bridge.applyMatrix('supervisor' in codecs ? LISTEN : TALK, 1);
  }
  let frame = 0;
  const timer = setInterval(() => {
    for (const leg of legs) leg.send(frame);
    frame++;
  }, 20);
  const used = async () => (await engine.threadStats()).reduce((sum, { cpuMicros }) => sum + cpuMicros / 1000, 0);
  const turns: number[] = [];
  await sleep(TURN_MS);
  for (let turn = 0; turn < TURNS; turn++) {
    const [before, from] = [await used(), frame];
    await sleep(TURN_MS);
    // By frames and not by the clock: a busy machine's phones may fall behind.
    turns.push((((await used()) - before) * 50) / (frame - from) / CALLS);
  }
  clearInterval(timer);
  for (const bridge of bridges) await bridge.close();
  for (const leg of legs) leg.close();
  return quantile(turns, 0.5);
}

export async function opusBench(): Promise<Figure[]> {
  const speech = await payloads();
  const engine = await createMediasoupEngine({
    address: '127.0.0.1',
    rtpPorts: [44_000, 45_999],
    codecs: ['opus', 'PCMU', 'PCMA'],
    threads: 1,
  });
  try {
    const plain = await cost(engine, speech, { customer: 'PCMU', agent: 'PCMU' });
    const forwarded = await cost(engine, speech, { customer: 'opus', agent: 'opus' });
    const transcoded = await cost(engine, speech, { customer: 'PCMU', agent: 'opus' });
    const listened = await cost(engine, speech, { customer: 'PCMU', agent: 'PCMU', supervisor: 'PCMU' });
    const decoded = await cost(engine, speech, { customer: 'opus', agent: 'opus', supervisor: 'PCMU' });
    const unit = 'ms CPU/s';
    const floor = { what: 'G.711', value: plain };
    return [
      { name: 'call, opus at both ends (forwarded)', value: forwarded, unit, floor },
      { name: 'call, opus with G.711 (transcoded)', value: transcoded, unit, floor },
      {
        name: 'monitored call, opus, supervisor with G.711',
        value: decoded,
        unit,
        floor: { what: 'G.711', value: listened },
      },
    ];
  } finally {
    await engine.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const line of table(await opusBench())) console.log(line);
}
