import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Bridge, EndpointOptions } from '../../../media/engine.ts';
import { createMediasoupEngine, type EmbeddedEngine } from '../../../media/mediasoup/index.ts';
import { launchChromium, openPage } from '../../support/browser/chromium.ts';
import { expectBrowserMatrix } from '../../support/browser/matrix.ts';
import { BrowserPeer } from '../../support/browser/party.ts';
import { analyse } from '../../support/hear.ts';
import { isFree } from '../../support/ports.ts';
import { childrenOf } from '../../support/process.ts';
import { ToneEndpoint } from '../../support/tone-endpoint.ts';
import { TONES } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

type Name = 'customer' | 'agent' | 'supervisor';

const PARTIES = (['customer', 'agent', 'supervisor'] as const).map((name) => ({ name, hz: TONES[name] }));
let chromium: Browser;
let page: Page;
let engine: EmbeddedEngine;
let bridge: Bridge;
let events: string[];
const codecs = new Map<Name, string | undefined>();
const phones = new Map<Name, ToneEndpoint>();
const browsers = new Map<Name, BrowserPeer>();

beforeAll(async () => {
  chromium = await launchChromium();
});
afterAll(() => chromium.close());

beforeEach(() => start(['PCMU', 'PCMA']));

async function start(known: readonly string[]): Promise<void> {
  events = [];
  engine = await createMediasoupEngine({
    address: '127.0.0.1',
    rtpPorts: [20000, 29999],
    codecs: known,
    threads: 1,
  });
  bridge = await engine.createBridge('call', {
    onDtmf: (id, digit) => events.push(`${id} pressed ${digit}`),
    onSilence: (id) => events.push(`${id} silent`),
    onLevels: () => undefined,
    onLost: (error) => events.push(`lost: ${error.code}`),
  });
  page = await openPage(chromium);
}
afterEach(async () => {
  for (const phone of phones.values()) phone.close();
  phones.clear();
  browsers.clear();
  await page.close();
  await engine.close();
});

async function addBrowser(name: Name, options: Partial<EndpointOptions> = {}, offers = true): Promise<void> {
  const peer = await BrowserPeer.open(page, name, TONES[name]);
  browsers.set(name, peer);
  if (offers) {
    const endpoint = await bridge.createEndpoint({ id: name, offer: await peer.offer(), ...options });
    await peer.accept(endpoint.localSdp);
    codecs.set(name, endpoint.negotiated?.codec);
  } else {
    const endpoint = await bridge.createEndpoint({ id: name, transport: 'webrtc', ...options });
    await endpoint.accept(await peer.answer(endpoint.localSdp));
    codecs.set(name, endpoint.negotiated?.codec);
  }
  await until(`${name} to be connected`, async () => (await peer.state()) === 'connected');
}

async function addPhone(name: Name): Promise<void> {
  const phone = await ToneEndpoint.open(name, TONES[name]);
  phones.set(name, phone);
  const offer = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${phone.port} RTP/AVP 0 101`,
    'a=rtpmap:101 telephone-event/8000',
    '',
  ].join('\r\n');
  const { localSdp } = await bridge.createEndpoint({ id: name, offer });
  phone.connect('127.0.0.1', Number(/^m=audio (\d+)/m.exec(localSdp)![1]));
}

/** Puts a matrix in force; then every party hears whom it names, and nobody else. */
async function hears(version: number, rows: Partial<Record<Name, readonly Name[]>>): Promise<void> {
  const matrix = new Map(Object.entries(rows).map(([listener, sources]) => [listener, new Set<string>(sources)]));
  await bridge.applyMatrix(matrix, version);
  await expectBrowserMatrix([...browsers.values(), ...phones.values()], rows);
}

const talking = { customer: ['agent'], agent: ['customer'] } as const;
const MODES = [
  ['listen', { ...talking, supervisor: ['agent', 'customer'] }],
  ['whisper', { customer: ['agent'], agent: ['customer', 'supervisor'], supervisor: ['agent', 'customer'] }],
  [
    'barge',
    { customer: ['agent', 'supervisor'], agent: ['customer', 'supervisor'], supervisor: ['agent', 'customer'] },
  ],
  ['paused', talking],
] as const;

async function everyMode(): Promise<void> {
  let version = 1;
  await hears(version++, talking);
  for (const [, rows] of MODES) await hears(version++, rows);
}

async function reportsAKey(): Promise<void> {
  await addBrowser('supervisor');
  await hears(1, {});
  await browsers.get('supervisor')!.press('3');
  await until('the key', () => events.length > 0);
  expect(events).toEqual(['supervisor pressed 3']);
}

describe('the embedded engine with browsers', () => {
  it('says that WebRTC is on', () => {
    expect(engine.webrtc).toEqual({ available: true });
  });

  it('R-HEAR-2, 3, 4, 5: a supervisor in a browser, phones otherwise', async () => {
    await addPhone('customer');
    await addPhone('agent');
    await addBrowser('supervisor', {}, false);
    await everyMode();
  });

  it('R-HEAR-2, 3, 4, 5: an agent in a browser, phones otherwise', async () => {
    await addPhone('customer');
    await addBrowser('agent');
    await addPhone('supervisor');
    await everyMode();
  });

  it('R-HEAR-2, 3, 4, 5: all three in browsers', async () => {
    await addBrowser('customer');
    await addBrowser('agent', {}, false);
    await addBrowser('supervisor', {}, false);
    await everyMode();
  });

  it('reports a key pressed in a browser once', reportsAKey);

  it('plays to a browser', async () => {
    const peer = await BrowserPeer.open(page, 'supervisor', TONES.supervisor);
    browsers.set('supervisor', peer);
    const endpoint = await bridge.createEndpoint({ id: 'supervisor', offer: await peer.offer() });
    await peer.accept(endpoint.localSdp);
    await until('the browser to be connected', async () => (await peer.state()) === 'connected');
    const playback = endpoint.play({ kind: 'tone', hz: [TONES.agent], onMs: 1000, loop: true });
    await sleep(500);
    const from = performance.now();
    const before = peer.samples;
    await until('a second of sound', () => peer.samples - before > 8000);
    playback.stop();
    // Played at the engine's own level, and nobody speaks.
    const { levels } = analyse(peer.audioBetween(from, performance.now()), PARTIES);
    expect(levels.get('agent')!.highest).toBeGreaterThan(-40);
    expect(levels.get('customer')!.highest).toBeLessThan(levels.get('agent')!.highest - 15);
    expect((await endpoint.stats()).packetsSent).toBeGreaterThan(20);
  });

  it('R-HEAR-9: a browser’s leg that comes into being is deaf and mute', async () => {
    await addPhone('agent');
    await hears(1, {});
    await addBrowser('supervisor');
    await hears(2, {});
  });

  it('gives back every port when the call ends', async () => {
    await addBrowser('supervisor');
    await addPhone('agent');
    await bridge.close();
    await expect(bridge.createEndpoint({ id: 'late', transport: 'webrtc' })).rejects.toMatchObject({ code: 'closed' });
    expect(events).toEqual([]);
  });

  it('refuses a browser that has no codec in common', async () => {
    const peer = await BrowserPeer.open(page, 'agent', TONES.agent);
    const offer = await peer.offer(['audio/G722']);
    await expect(bridge.createEndpoint({ id: 'agent', offer })).rejects.toMatchObject({ code: 'sdp_unacceptable' });
    await addBrowser('agent');
  });
});

describe('a leg that a browser and a desk phone are rung for', () => {
  const [, BARGE] = MODES[2];
  const DESK = (port: number): string =>
    ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', `m=audio ${port} RTP/AVP 0`, ''].join(
      '\r\n',
    );
  const portOf = (sdp: string | undefined): number => Number(/^m=audio (\d+)/m.exec(sdp ?? '')?.[1]);
  /** Where mediasoup waits for the browser. */
  const browserPort = (sdp: string | undefined): number =>
    Number(/^a=candidate:.* (\d+) typ host/m.exec(sdp ?? '')?.[1]);

  it('R-HEAR-4, R-HEAR-9: the desk phone answers; what was held for the browser is given back', async () => {
    await addPhone('customer');
    await addPhone('agent');
    const endpoint = await bridge.createEndpoint({ id: 'supervisor', transport: 'either' });
    const { rtp, webrtc } = endpoint.offers;
    expect(await isFree(browserPort(webrtc))).toBe(false);
    const phone = await ToneEndpoint.open('supervisor', TONES.supervisor);
    phones.set('supervisor', phone);
    await hears(1, talking);
    await endpoint.accept(DESK(phone.port));
    phone.connect('127.0.0.1', portOf(rtp));
    expect(Object.keys(endpoint.offers)).toEqual(['rtp']);
    await until('the port to be free', () => isFree(browserPort(webrtc)));
    await hears(2, BARGE);
  });

  it('goes on for the desk phone where the mediasoup worker dies while they ring', async () => {
    await addPhone('agent');
    const endpoint = await bridge.createEndpoint({ id: 'supervisor', transport: 'either' });
    process.kill(childrenOf(process.pid, 'mediasoup-worker').at(-1)!, 'SIGKILL');
    await until('the browsers’ offer to be void', () => endpoint.offers.webrtc === undefined);
    const phone = await ToneEndpoint.open('supervisor', TONES.supervisor);
    phones.set('supervisor', phone);
    await endpoint.accept(DESK(phone.port));
    phone.connect('127.0.0.1', portOf(endpoint.offers.rtp));
    await hears(1, { supervisor: ['agent'] });
    expect(events).toEqual([]);
  });
});

describe('the embedded engine with browsers that speak opus', () => {
  beforeEach(async () => {
    await page.close();
    await engine.close();
    await start(['opus', 'PCMU', 'PCMA']);
  });

  it('R-HEAR-2, 3, 4, 5: agent and customer in browsers, each offering or offered to, a phone supervises', async () => {
    await addBrowser('customer');
    await addBrowser('agent', {}, false);
    await addPhone('supervisor');
    expect([codecs.get('customer'), codecs.get('agent')]).toEqual(['opus', 'opus']);
    await everyMode();
  });

  it('R-HEAR-2, 3, 4, 5: a trunk with G.711, an agent and a supervisor in browsers', async () => {
    await addPhone('customer');
    await addBrowser('agent');
    await addBrowser('supervisor');
    await everyMode();
  });

  it('reports a key pressed in a browser once', reportsAKey);
});
