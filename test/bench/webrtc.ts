/**
 * What WebRTC legs cost and how late they are: `node test/bench/webrtc.ts`. CPU is that of the media thread and of the
 * mediasoup worker together, per call and second; the same call with desk phones only stands beside it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import type { Bridge, EngineMatrix } from '../../media/engine.ts';
import { createMediasoupEngine, type EmbeddedEngine } from '../../media/mediasoup/index.ts';
import { launchChromium, openPage } from '../support/browser/chromium.ts';
import { BrowserPeer } from '../support/browser/party.ts';
import { levelOf } from '../support/hear.ts';
import { ToneEndpoint } from '../support/tone-endpoint.ts';
import { SAMPLE_RATE, TONE_LEVEL_DB, TONES } from '../support/tones.ts';
import { until } from '../support/until.ts';
import { quantile, table, type Figure } from './table.ts';

const CALLS = 6;
const MEASURE_MS = 5000;
const ONSETS = 15;
const TICK_MS = 10; // proc(5): a hundred clock ticks a second

type Name = 'customer' | 'agent' | 'supervisor';
type Kind = 'phone' | 'browser';
const TALK: EngineMatrix = new Map([
  ['customer', new Set(['agent'])],
  ['agent', new Set(['customer'])],
]);
const LISTEN: EngineMatrix = new Map([...TALK, ['supervisor', new Set(['customer', 'agent'])]]);

interface Party {
  close(): void | Promise<void>;
}

/** CPU of the mediasoup worker of this process so far, ms. */
function workerCpu(): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the state on
      if (stat.includes('(mediasoup-worke') && Number(fields[1]) === process.pid) {
        return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error('there is no mediasoup worker');
}

async function cpu(engine: EmbeddedEngine): Promise<number> {
  const threads = await engine.threadStats();
  return threads.reduce((sum, { cpuMicros }) => sum + cpuMicros / 1000, 0) + workerCpu();
}

async function addPhone(bridge: Bridge, name: Name): Promise<ToneEndpoint> {
  const phone = await ToneEndpoint.open(name, TONES[name]);
  const offer = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${phone.port} RTP/AVP 0\r\n`;
  const { localSdp } = await bridge.createEndpoint({ id: name, offer });
  phone.connect('127.0.0.1', Number(/^m=audio (\d+)/m.exec(localSdp)![1]));
  return phone;
}

async function addBrowser(bridge: Bridge, name: Name, page: Page): Promise<BrowserPeer> {
  const peer = await BrowserPeer.open(page, name, TONES[name]);
  const { localSdp } = await bridge.createEndpoint({ id: name, offer: await peer.offer(['audio/PCMU']) });
  await peer.accept(localSdp);
  await until(`${name} to be connected`, async () => (await peer.state()) === 'connected');
  return peer;
}

const newBridge = (engine: EmbeddedEngine, id: string): Promise<Bridge> =>
  engine.createBridge(id, {
    onDtmf: () => undefined,
    onSilence: () => undefined,
    onLevels: () => undefined,
    onLost: () => undefined,
  });

/** ms of CPU per call and second. */
async function cost(engine: EmbeddedEngine, page: Page, kinds: Partial<Record<Name, Kind>>): Promise<number> {
  const bridges: Bridge[] = [];
  const parties: Party[] = [];
  try {
    for (let call = 0; call < CALLS; call++) {
      const bridge = await newBridge(engine, `call ${call}`);
      bridges.push(bridge);
      for (const [name, kind] of Object.entries(kinds) as [Name, Kind][]) {
        parties.push(kind === 'phone' ? await addPhone(bridge, name) : await addBrowser(bridge, name, page));
      }
      await bridge.applyMatrix(kinds.supervisor === undefined ? TALK : LISTEN, 1);
    }
    await sleep(1000);
    const [before, from] = [await cpu(engine), performance.now()];
    await sleep(MEASURE_MS);
    return (((await cpu(engine)) - before) / (performance.now() - from)) * (1000 / CALLS);
  } finally {
    for (const party of parties) await party.close();
    for (const bridge of bridges) await bridge.close();
  }
}

/** ms from a phone's first frame of tone to its sound in the page, the browser's own buffers included. */
async function mouthToEar(engine: EmbeddedEngine, page: Page): Promise<number[]> {
  const bridge = await newBridge(engine, 'latency');
  const phone = await addPhone(bridge, 'agent');
  phone.send('silence');
  const peer = await addBrowser(bridge, 'supervisor', page);
  const delays: number[] = [];
  try {
    await bridge.applyMatrix(new Map([['supervisor', new Set(['agent'])]]), 1);
    await sleep(1500);
    for (let onset = 0; onset < ONSETS; onset++) {
      const from = performance.now();
      phone.send('tone');
      await sleep(700);
      phone.send('silence');
      await sleep(500);
      const { startedAt, pcm } = peer.recording(from - 200, performance.now());
      delays.push(startedAt + onsetIn(pcm) - from);
    }
    return delays;
  } finally {
    phone.close();
    await peer.close();
    await bridge.close();
  }
}

/** ms from the beginning of a recording to the first window of 10 ms that holds the tone. */
function onsetIn(pcm: Int16Array): number {
  const step = SAMPLE_RATE / 100;
  for (let at = 0; at + step <= pcm.length; at += step / 4) {
    if (levelOf(pcm, TONES.agent, at, step) > TONE_LEVEL_DB - 6) return (at * 1000) / SAMPLE_RATE;
  }
  throw new Error('the browser did not hear the tone');
}

export async function webrtcBench(): Promise<Figure[]> {
  const chromium = await launchChromium();
  const engine = await createMediasoupEngine({
    address: '127.0.0.1',
    rtpPorts: [40_000, 41_999],
    codecs: ['PCMU', 'PCMA'],
    threads: 1,
  });
  try {
    if (!engine.webrtc.available) throw new Error(engine.webrtc.reason);
    const page = await openPage(chromium);
    const phones = await cost(engine, page, { customer: 'phone', agent: 'phone' });
    const listened = await cost(engine, page, { customer: 'phone', agent: 'phone', supervisor: 'phone' });
    const supervisor = await cost(engine, page, { customer: 'phone', agent: 'phone', supervisor: 'browser' });
    const agent = await cost(engine, page, { customer: 'phone', agent: 'browser' });
    const delays = await mouthToEar(engine, page);
    const unit = 'ms CPU/s';
    return [
      { name: 'call, agent in a browser', value: agent, unit, floor: { what: 'desk phones', value: phones } },
      {
        name: 'monitored call, supervisor in a browser',
        value: supervisor,
        unit,
        floor: { what: 'desk phones', value: listened },
      },
      { name: 'mouth to ear, phone to browser, median', value: quantile(delays, 0.5), unit: 'ms' },
    ];
  } finally {
    await engine.close();
    await chromium.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const line of table(await webrtcBench())) console.log(line);
}
