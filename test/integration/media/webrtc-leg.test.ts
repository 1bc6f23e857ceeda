import { execFileSync } from 'node:child_process';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebrtcLeg, type WebrtcLegOptions } from '../../../media/mediasoup/webrtc/leg.ts';
import { WebrtcWorkers, type WebrtcSettings } from '../../../media/mediasoup/webrtc/workers.ts';
import { launchChromium, openPage } from '../../support/browser/chromium.ts';
import { BrowserPeer } from '../../support/browser/party.ts';
import { analyse } from '../../support/hear.ts';
import { ToneEndpoint } from '../../support/tone-endpoint.ts';
import { TONES } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

const PARTIES = [
  { name: 'browser', hz: TONES.supervisor },
  { name: 'thread', hz: TONES.agent },
];

let browser: Browser;
let page: Page;
let workers: WebrtcWorkers;
let lost: string[];
const legs: WebrtcLeg[] = [];
const endpoints: ToneEndpoint[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

beforeEach(async () => {
  lost = [];
  workers = await started(1);
  page = await openPage(browser);
});
afterEach(async () => {
  for (const leg of legs.splice(0)) leg.close();
  for (const endpoint of endpoints.splice(0)) endpoint.close();
  workers.close();
  await page.close();
});

async function started(processes: number, more: Partial<WebrtcSettings> = {}): Promise<WebrtcWorkers> {
  const made = new WebrtcWorkers({
    address: '127.0.0.1',
    ports: [20000, 29999],
    binary: process.env['MEDIASOUP_WORKER_BIN'],
    processes,
    log: () => undefined,
    ...more,
  });
  await made.start();
  return made;
}

/** The leg's socket in the RTP thread, here a phone with a tone. */
async function thread(): Promise<ToneEndpoint> {
  const endpoint = await ToneEndpoint.open('thread', TONES.agent);
  endpoints.push(endpoint);
  return endpoint;
}

async function leg(end: ToneEndpoint, more: Partial<WebrtcLegOptions> = {}): Promise<WebrtcLeg> {
  const made = await WebrtcLeg.create({
    workers,
    codecs: ['PCMU', 'PCMA'],
    thread: { address: '127.0.0.1', port: end.port, ssrc: end.ssrc },
    onLost: (error) => lost.push(error.code),
    ...more,
  });
  legs.push(made);
  return made;
}

/** The thread's end sends where the leg says. */
function connect(end: ToneEndpoint, made: WebrtcLeg): void {
  const { remote } = made.agreed!;
  end.connect(remote!.address, remote!.port);
}

/** A browser that called, and was answered. */
async function answered() {
  const end = await thread();
  const peer = await BrowserPeer.open(page, 'browser', TONES.supervisor);
  const made = await leg(end, { offer: await peer.offer() });
  await peer.accept(made.localSdp);
  connect(end, made);
  return { end, peer, made };
}

/** Both hear the other's tone and nothing else. */
async function heardBothWays(peer: BrowserPeer, end: ToneEndpoint): Promise<void> {
  await until('the browser to be connected', async () => (await peer.state()) === 'connected');
  await until('the browser to be heard', () => end.received.length > 50);
  const from = performance.now();
  const before = peer.samples;
  await until('the browser to hear', () => peer.samples - before > 12_000);
  const to = performance.now();
  const inThread = analyse(end.audioBetween(from, to), PARTIES);
  const inBrowser = analyse(peer.audioBetween(from, to), PARTIES);
  expect(inThread.levels.get('browser')?.highest).toBeGreaterThan(-30);
  expect(inThread.levels.get('thread')?.highest).toBeLessThan(-45);
  expect(inBrowser.levels.get('thread')?.highest).toBeGreaterThan(-30);
  expect(inBrowser.levels.get('browser')?.highest).toBeLessThan(-45);
}

describe('a WebRTC leg', () => {
  it('answers a browser, and both hear each other', async () => {
    const { end, peer, made } = await answered();
    await heardBothWays(peer, end);
    expect(made.agreed?.negotiated).toMatchObject({ codec: 'PCMU', direction: 'sendrecv', ptime: 20, dtmf: true });
    expect(new Set(end.received.map((packet) => packet.payloadType))).toContain(0);
  });

  it('offers to a browser, and both hear each other', async () => {
    const end = await thread();
    const peer = await BrowserPeer.open(page, 'browser', TONES.supervisor);
    const made = await leg(end);
    expect(made.agreed).toBeNull();
    await made.accept(await peer.answer(made.localSdp));
    connect(end, made);
    await heardBothWays(peer, end);
    expect(made.agreed?.negotiated).toMatchObject({ codec: 'PCMU', direction: 'sendrecv', dtmf: true });
  });

  it('takes the codec that the browser prefers not, where it is the one in common', async () => {
    const end = await thread();
    const peer = await BrowserPeer.open(page, 'browser', TONES.supervisor);
    const made = await leg(end, { offer: await peer.offer(['audio/PCMA', 'audio/telephone-event']) });
    await peer.accept(made.localSdp);
    expect(made.agreed?.negotiated.codec).toBe('PCMA');
    await until('PCMA to arrive', () => end.received.some((packet) => packet.payloadType === 8));
  });

  it('is held and resumed by the browser, and keeps its way', async () => {
    const { end, peer, made } = await answered();
    await heardBothWays(peer, end);

    await peer.direction('inactive');
    await peer.accept(await made.answer(await peer.offer()));
    expect(made.agreed?.negotiated.direction).toBe('inactive');
    expect(made.agreed).toMatchObject({ receive: [], send: null });

    await peer.direction('sendrecv');
    await peer.accept(await made.answer(await peer.offer()));
    expect(made.agreed?.send).toMatchObject({ codec: 'PCMU', payloadType: 0 });
    await heardBothWays(peer, end);
  });

  it('follows an ICE restart', async () => {
    const { end, peer, made } = await answered();
    await heardBothWays(peer, end);
    const before = /^a=ice-ufrag:(.*)$/m.exec(made.localSdp)?.[1];
    await peer.accept(await made.answer(await peer.offer(undefined, true)));
    expect(/^a=ice-ufrag:(.*)$/m.exec(made.localSdp)?.[1]).not.toBe(before);
    await heardBothWays(peer, end);
  });

  it('takes an answer to a further offer of its own', async () => {
    const { end, peer, made } = await answered();
    await made.accept(await peer.answer(made.offer()));
    await heardBothWays(peer, end);
  });

  it('passes keys by RFC 4733', async () => {
    const end = await thread();
    const peer = await BrowserPeer.open(page, 'browser', TONES.supervisor);
    const made = await leg(end, { offer: await peer.offer(['audio/PCMU', 'audio/telephone-event']) });
    await peer.accept(made.localSdp);
    connect(end, made);
    await heardBothWays(peer, end);
    await peer.press('5');
    const event = made.agreed?.send?.eventPayloadType;
    const key = await until('the key', () => end.received.find((packet) => packet.payloadType === event));
    expect(key.payload[0]).toBe(5);
  });

  it('is told when the worker dies, and a new one serves the next', async () => {
    const end = await thread();
    const peer = await BrowserPeer.open(page, 'browser', TONES.supervisor);
    const made = await leg(end, { offer: await peer.offer() });
    const [pid] = workers.pids;
    process.kill(pid!, 'SIGKILL');
    await until('the leg to be lost', () => lost.length > 0);
    expect(lost).toEqual(['engine_lost']);
    await expect(made.answer('v=0')).rejects.toMatchObject({ code: 'closed' });
    await until('another worker', () => workers.available && workers.pids[0] !== pid);
    const second = await BrowserPeer.open(page, 'browser', TONES.supervisor);
    const again = await leg(end, { offer: await second.offer() });
    connect(end, again);
    await second.accept(again.localSdp);
    await heardBothWays(second, end);
  });

  it('tells browsers the announced address and ports of the range, in a message that drachtio-server takes (11 KB)', async () => {
    workers.close();
    workers = await started(1, { announcedAddress: '192.0.2.7', ports: [26_000, 26_099] });
    const made = await leg(await thread(), { codecs: ['opus', 'PCMU', 'PCMA'] });
    const [, address, port] = /^a=candidate:.* (\S+) (\d+) typ host/m.exec(made.localSdp)!;
    expect(address).toBe('192.0.2.7');
    expect(made.localSdp).not.toContain('127.0.0.1');
    expect(Number(port)).toBeGreaterThanOrEqual(26_000);
    expect(Number(port)).toBeLessThanOrEqual(26_099);
    expect(made.localSdp.length).toBeLessThan(4000); // the rest is for the headers
  });

  it('leaves no port open when it is closed, twice', async () => {
    const end = await thread();
    const made = await leg(end);
    const port = Number(/^m=audio (\d+) /m.exec(made.localSdp)![1]);
    const open = (): string => execFileSync('cat', ['/proc/net/udp'], { encoding: 'utf8' });
    const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
    expect(open()).toContain(hex);
    made.close();
    made.close();
    await until('the port to be closed', () => !open().includes(hex));
    expect(lost).toEqual([]);
  });
});

describe('the workers', () => {
  it('share the legs; where one dies the legs on the others go on, and new ones come to them meanwhile', async () => {
    const pool = await started(2);
    const closed: string[] = [];
    try {
      expect(pool.pids).toHaveLength(2);
      const routers = [];
      for (const name of ['first', 'second', 'third']) {
        const router = await pool.createRouter([]);
        router.observer.once('close', () => closed.push(name));
        routers.push(router);
      }
      process.kill(pool.pids[1]!, 'SIGKILL');
      await until('the leg on it to be lost', () => closed.length > 0);
      expect(closed).toEqual(['second']);
      expect([pool.available, pool.reason]).toEqual([true, undefined]);
      expect((await pool.createRouter([])).closed).toBe(false);
      await until('another worker', () => pool.pids.length === 2);
      // It has the fewest legs: the next one is lost with it.
      (await pool.createRouter([])).observer.once('close', () => closed.push('fifth'));
      process.kill(pool.pids[1]!, 'SIGKILL');
      await until('the leg on the new one to be lost', () => closed.length > 1);
      expect(closed).toEqual(['second', 'fifth']);
      expect(routers.map((router) => router.closed)).toEqual([false, true, false]);
    } finally {
      pool.close();
    }
  });

  it('say that WebRTC is off, and how to turn it on, where there is no binary', async () => {
    const told: string[] = [];
    const none = new WebrtcWorkers({
      address: '127.0.0.1',
      ports: [20000, 29999],
      binary: undefined,
      log: (_level, message) => told.push(message),
    });
    await none.start();
    expect(none.available).toBe(false);
    expect(none.reason).toMatch(/WebRTC is off.*MEDIASOUP_WORKER_BIN/);
    expect(told).toEqual([none.reason]);
    await expect(none.createRouter([])).rejects.toMatchObject({ code: 'webrtc_unavailable' });
  });
});
