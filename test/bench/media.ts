/**
 * What the embedded media engine costs and how fast it is, each figure beside its floor: `node test/bench/media.ts`.
 * `npm run bench` imports `mediaBench`.
 *
 * The floor forwards the same packets by a bare dgram loop in a worker thread, the phones are in a worker of their own in both
 * cases, and only the CPU time of the thread under test counts.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Bridge, Endpoint, EngineMatrix, MediaEngine } from '../../media/engine.ts';
import { createMediasoupEngine } from '../../media/mediasoup/index.ts';
import { NUMBERS_CYCLE, Phone } from '../integration/media/phone.ts';

/** One printed figure. `wanted`: the most that is acceptable, where there is such a number. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly wanted?: number;
}

const CALLS = 40;
const PACKETS_PER_SECOND = 50;
const TURNS = 6;
const SETTLE_MS = 300;
const TURN_MS = 1000;
const ROUNDS = 10;
const events = {
  onDtmf: () => undefined,
  onSilence: () => undefined,
  onLevels: () => undefined,
  onLost: () => undefined,
};

async function ask<T>(worker: Worker, message: unknown): Promise<T> {
  const answer = once(worker, 'message');
  worker.postMessage(message);
  return ((await answer) as [T])[0];
}

async function phones(count: number): Promise<{ worker: Worker; ports: number[] }> {
  const worker = new Worker(new URL('./media/load.ts', import.meta.url), { workerData: { count } });
  const [ports] = (await once(worker, 'message')) as [number[]];
  return { worker, ports };
}

function engine() {
  return createMediasoupEngine({
    address: '127.0.0.1',
    rtpPorts: [30_000, 39_999],
    codecs: ['PCMU', 'PCMA'],
    threads: 1,
    silenceSeconds: 3600,
  });
}

function sdp(port: number): string {
  return `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;
}

function portOf(endpoint: Endpoint): number {
  return Number(/^m=audio (\d+)/m.exec(endpoint.localSdp)?.[1]);
}

/** Agent and customer hear each other; a listener, where there is one, hears both. */
function matrix(perCall: 2 | 3): EngineMatrix {
  const rows: [string, Set<string>][] = [
    ['agent', new Set(['customer'])],
    ['customer', new Set(['agent'])],
  ];
  if (perCall === 3) rows.push(['supervisor', new Set(['agent', 'customer'])]);
  return new Map(rows);
}

/** What one call costs, in ms of CPU of the thread under test per second: in the engine, and by the floor's bare loop. */
export interface Cost {
  readonly engine: number;
  readonly floor: number;
}

/**
 * The same phones send to the engine and to the floor in turn, a second each, so that both are measured on the same machine
 * in the same state. The median of the turns.
 */
export async function callCost(perCall: 2 | 3): Promise<Cost> {
  const count = CALLS * perCall;
  const { worker, ports } = await phones(count);
  const media = await engine();
  const engineTargets: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const bridge = await media.createBridge(`call-${call}`, events);
    for (const [i, id] of ['agent', 'customer', 'supervisor'].slice(0, perCall).entries()) {
      engineTargets.push(portOf(await bridge.createEndpoint({ id, offer: sdp(ports[call * perCall + i]!) })));
    }
    await bridge.applyMatrix(matrix(perCall), 1);
  }
  const floor = new Worker(new URL('./media/floor.ts', import.meta.url), { workerData: { count, perCall } });
  const [floorTargets] = (await once(floor, 'message')) as [number[]];
  floor.postMessage({ targets: ports });

  const turn = async (targets: readonly number[], cpuMicros: () => Promise<number>): Promise<number> => {
    worker.postMessage({ targets });
    await sleep(SETTLE_MS);
    const before = await cpuMicros();
    const received = await ask<number>(worker, 'count');
    await sleep(TURN_MS);
    const used = (await cpuMicros()) - before;
    // By packets and not by the clock: a busy machine's phones may fall behind.
    const seconds = ((await ask<number>(worker, 'count')) - received) / PACKETS_PER_SECOND / count;
    if (seconds === 0) throw new Error('the phones heard nothing');
    return used / 1000 / seconds / CALLS;
  };
  const engineCpu = async () => (await media.threadStats()).reduce((sum, { cpuMicros }) => sum + cpuMicros, 0);
  const floorCpu = async () => (await ask<{ cpuMicros: number }>(floor, 'stats')).cpuMicros;
  const costs = { engine: [] as number[], floor: [] as number[] };
  for (let i = 0; i < TURNS + 1; i++) {
    const inEngine = await turn(engineTargets, engineCpu);
    const inFloor = await turn(floorTargets, floorCpu);
    if (i === 0) continue; // warming up
    costs.engine.push(inEngine);
    costs.floor.push(inFloor);
  }
  await media.close();
  await Promise.all([floor.terminate(), worker.terminate()]);
  return { engine: quantile(costs.engine, 0.5), floor: quantile(costs.floor, 0.5) };
}

interface Call {
  readonly bridge: Bridge;
  readonly agent: Phone;
  readonly customer: Phone;
  readonly supervisor: Phone;
  readonly close: () => Promise<void>;
}

/** One call with three phones in this thread, all of them sending. */
async function call(media: MediaEngine, customerHz: 0 | null = 0): Promise<Call> {
  const bridge = await media.createBridge('call', events);
  const [agent, customer, supervisor] = await Promise.all([
    Phone.open(),
    Phone.open({ hz: customerHz }),
    Phone.open({ hz: 1000 }),
  ]);
  for (const [id, phone] of Object.entries({ agent, customer, supervisor })) {
    phone.peer((await bridge.createEndpoint({ id, offer: phone.sdp() })).localSdp);
  }
  for (const phone of [agent, customer, supervisor]) {
    await sleep(Math.random() * 20); // phones are not in step
    phone.talk();
  }
  await sleep(Math.random() * 20); // nor is the mixer, which begins to step with the first mix
  return {
    bridge,
    agent,
    customer,
    supervisor,
    close: async () => {
      for (const phone of [agent, customer, supervisor]) phone.close();
      await bridge.close();
    },
  };
}

const LISTEN: EngineMatrix = matrix(3);
const WHISPER: EngineMatrix = new Map([...LISTEN, ['agent', new Set(['customer', 'supervisor'])]]);

/** From the first sample of a frame at the customer's mouth to its arrival at the listener, through the mix, in ms. */
async function mouthToEar(media: MediaEngine): Promise<number[]> {
  const delays: number[] = [];
  // Phones and mixer are in step anew in each round.
  for (let round = 0; round < ROUNDS; round++) {
    const { bridge, customer, agent, supervisor, close } = await call(media);
    agent.hush();
    const sentAt = new Map<number, number>();
    customer.onSent = (frame) => sentAt.set(frame % NUMBERS_CYCLE, performance.now());
    supervisor.onPacket = (packet) => {
      const frame = supervisor.frameOf(packet);
      const at = sentAt.get(frame);
      if (at !== undefined) delays.push(packet.at - at + 20); // a frame is sent when its last sample was spoken
    };
    await bridge.applyMatrix(LISTEN, 1);
    await sleep(1500);
    await close();
  }
  return delays;
}

/** From `applyMatrix` to the first packet at the agent that carries the supervisor's voice, in ms. */
async function matrixToAudible(media: MediaEngine, changes: number): Promise<number[]> {
  const delays: number[] = [];
  // How long a packet waits for the mixer's next step is the same throughout a call: so many calls.
  for (let round = 0; round < ROUNDS; round++) {
    const { bridge, agent, close } = await call(media, null); // whatever the agent hears is the supervisor
    await bridge.applyMatrix(LISTEN, 1);
    for (let i = 0; i < changes / ROUNDS; i++) {
      await sleep(60 + Math.random() * 20);
      const heard = new Promise<number>((resolve) => {
        agent.onPacket = (packet) => {
          if (packet.payload.some((code) => (code & 0x7f) < 0x60)) resolve(packet.at);
        };
      });
      const start = performance.now();
      void bridge.applyMatrix(WHISPER, 2 + i * 2);
      delays.push((await heard) - start);
      agent.onPacket = null;
      await bridge.applyMatrix(LISTEN, 3 + i * 2);
    }
    await close();
  }
  return delays;
}

/** Frames of the customer that the agent did not hear exactly once, and breaks in what the agent received. */
async function lostFrames(media: MediaEngine, changes: number): Promise<number> {
  const { bridge, agent, customer, supervisor, close } = await call(media);
  supervisor.hush();
  await bridge.applyMatrix(LISTEN, 1);
  await sleep(200);
  for (let i = 0; i < changes; i++) {
    await bridge.applyMatrix(i % 2 === 0 ? WHISPER : LISTEN, 2 + i);
    await sleep(10 + Math.random() * 50);
  }
  await sleep(200);
  customer.hush();
  const frames = agent.frames();
  const { received } = agent;
  let wrong = 0;
  for (let i = 1; i < frames.length; i++) if (frames[i] !== (frames[i - 1]! + 1) % NUMBERS_CYCLE) wrong++;
  for (let i = 1; i < received.length; i++) {
    if (((received[i]!.sequence - received[i - 1]!.sequence) & 0xffff) !== 1) wrong++;
    if ((received[i]!.timestamp - received[i - 1]!.timestamp) >>> 0 !== 160) wrong++;
  }
  if (frames.length < changes) throw new Error(`the agent heard only ${frames.length} frames`);
  await close();
  return wrong;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

/** Runs everything, about a minute; the machine should do nothing else meanwhile. */
export async function mediaBench(): Promise<Row[]> {
  const rows: Row[] = [];
  const cost = 'ms CPU per second of call';
  const plain = await callCost(2);
  rows.push({ name: `unmonitored call (${CALLS} calls)`, value: plain.engine, unit: cost });
  rows.push({ name: '  floor: bare dgram loop', value: plain.floor, unit: cost });
  const monitored = await callCost(3);
  rows.push({ name: `monitored call, one listener (${CALLS} calls)`, value: monitored.engine, unit: cost, wanted: 2 });
  rows.push({ name: '  floor: bare dgram loop', value: monitored.floor, unit: cost });
  const media = await engine();
  await mouthToEar(media); // warms up
  const ear = await mouthToEar(media);
  rows.push({ name: 'mouth to ear through the mix, median', value: quantile(ear, 0.5), unit: 'ms', wanted: 40 });
  rows.push({ name: 'mouth to ear through the mix, p99', value: quantile(ear, 0.99), unit: 'ms' });
  const audible = await matrixToAudible(media, 200);
  rows.push({ name: 'matrix to audible, median', value: quantile(audible, 0.5), unit: 'ms', wanted: 30 });
  rows.push({ name: 'matrix to audible, p99', value: quantile(audible, 0.99), unit: 'ms' });
  rows.push({
    name: 'frames lost in 200 mode changes',
    value: await lostFrames(media, 200),
    unit: 'frames',
    wanted: 0,
  });
  await media.close();
  return rows;
}

export function printRow(row: Row): string {
  const value = `${row.value.toFixed(row.unit === 'frames' ? 0 : 2).padStart(8)} ${row.unit}`;
  return `${row.name.padEnd(48)} ${value}${row.wanted === undefined ? '' : `  (wanted: at most ${row.wanted})`}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const row of await mediaBench()) console.log(printRow(row));
}
