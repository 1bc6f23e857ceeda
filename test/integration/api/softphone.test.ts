import { createHash, createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiOptions } from '../../../src/api/index.ts';
import { Softphone, webSocketUrl, type SoftphoneView } from '../../../src/api/softphone.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { CONFIG, startApi, type Answer, type Harness } from './harness.ts';

let h: Harness;
afterEach(() => h.api.close());

const WEBRTC: Partial<ApiOptions> = {
  webrtc: { available: true },
  sipListen: ['udp://127.0.0.1:5060', 'ws://127.0.0.1:5066'],
};

async function asked(user: string, options: Partial<ApiOptions>): Promise<Answer> {
  h = await startApi({}, options);
  const session = await h.call('/session', {
    method: 'POST',
    as: null,
    json: { username: user, password: `pw-${user}` },
  });
  return h.call('/me/softphone', { as: null, headers: { cookie: session.headers.get('set-cookie')!.split(';')[0]! } });
}

describe('GET /me/softphone', () => {
  test('gives the own account as HA1, and the password nowhere', async () => {
    const answer = await asked('sam', WEBRTC);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const view = answer.json as SoftphoneView;
    const ha1 = createHash('md5').update('2001:earshot.local:pw-sam').digest('hex');
    expect(view).toEqual({
      available: true,
      off: null,
      detail: null,
      account: {
        wsUrl: 'ws://127.0.0.1:5066',
        uri: 'sip:2001@earshot.local',
        authorizationUser: '2001',
        realm: 'earshot.local',
        ha1,
        displayName: 'Sam',
        iceServers: [],
      },
    });
    expect(answer.text).not.toContain('pw-sam');
  });

  test('is for persons: not for strangers, not for tokens', async () => {
    h = await startApi({}, WEBRTC);
    expect((await h.call('/me/softphone', { as: null })).status).toBe(401);
    const answer = await h.call('/me/softphone');
    expect([answer.status, answer.json]).toMatchObject([403, { code: 'forbidden' }]);
  });

  test('says why there is none', async () => {
    const off = (await asked('alice', {})).json as SoftphoneView;
    expect(off).toEqual({ available: false, off: 'media', detail: 'no worker', account: null });
    await h.api.close();
    const none = (await asked('alice', { ...WEBRTC, sipListen: ['udp://127.0.0.1:5060'] })).json as SoftphoneView;
    expect(none).toMatchObject({ available: false, off: 'listener', account: null });
  });
});

describe('what a browser is told', () => {
  const LISTEN = ['udp://0.0.0.0:5060', 'ws://0.0.0.0:5066', 'wss://192.0.2.1:5067'];

  test.each([
    [LISTEN, { host: 'pbx.example.com', secure: false }, 'ws://pbx.example.com:5066'],
    [LISTEN, { host: 'pbx.example.com', secure: true }, 'wss://192.0.2.1:5067'],
    [['ws://0.0.0.0:5066'], { host: 'pbx.example.com', secure: true }, null],
    [['ws://0.0.0.0:5066'], { host: "x; script-src 'unsafe-inline'", secure: false }, null],
    [['ws://0.0.0.0:5066'], { host: undefined, secure: false }, null],
    [['udp://127.0.0.1:5060'], { host: 'a', secure: false }, null],
  ])('%j, page %j: %s', (listen, page, url) => {
    expect(webSocketUrl(listen, { configured: undefined, ...page })).toBe(url);
    const configured = 'wss://sip.example.com/ws';
    expect(webSocketUrl(listen, { configured, ...page })).toBe(configured);
  });

  test('TURN servers with credentials that last for a day, or as configured; no algorithm that browsers lack', async () => {
    h = await startApi();
    const softphone = (sip: object, media: object): SoftphoneView => {
      const { config } = parseConfig(JSON.stringify({ ...CONFIG, sip, media }));
      if (config === undefined) throw new Error('not valid');
      const options = { config, webrtc: { available: true }, listen: ['ws://127.0.0.1:5066'] };
      return new Softphone(options).of(config.users[1]!, { hostname: 'localhost', secure: false }, 1_000_000);
    };
    const urls = ['turn:turn.example.com:3478'];
    const view = softphone(
      {},
      { iceServers: [{ urls, secret: 'shared' }, { urls, username: 'u', credential: 'c' }, { urls: ['stun:s'] }] },
    );
    const username = `${1000 + 24 * 60 * 60}:sam`;
    const credential = createHmac('sha1', 'shared').update(username).digest('base64');
    expect(view.account?.iceServers).toEqual([
      { urls, username, credential },
      { urls, username: 'u', credential: 'c' },
      { urls: ['stun:s'] },
    ]);
    expect(softphone({ digest: ['SHA-256'] }, {})).toMatchObject({ available: false, off: 'digest' });
  });
});

describe('GET /calls/{id}/levels', () => {
  test('streams levels while it is open, and ends with the call', async () => {
    h = await startApi();
    h.control.addCall('c1');
    const headers = { authorization: 'Bearer secret-of-sam' };
    const response = await fetch(`${h.url}/api/v1/calls/c1/levels`, { headers });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const [watcher] = h.control.watchers;
    watcher!.onLevels({ p1: -20, p2: -127 });
    watcher!.onEnd();
    expect(await response.text()).toContain('event: levels\ndata: {"p1":-20,"p2":-127}\n\n');
    expect(h.control.watchers.size).toBe(0);
  });

  test('is let go when the client goes; not for calls that do not exist, nor for strangers; its number is limited', async () => {
    h = await startApi({ limits: { eventClients: 1 } });
    h.control.addCall('c1');
    expect((await h.call('/calls/none/levels')).status).toBe(404);
    expect((await h.call('/calls/c1/levels', { as: null })).status).toBe(401);
    const abort = new AbortController();
    const headers = { authorization: 'Bearer secret-of-sam' };
    await fetch(`${h.url}/api/v1/calls/c1/levels`, { headers, signal: abort.signal });
    expect((await h.call('/calls/c1/levels')).status).toBe(429);
    abort.abort();
    await expect.poll(() => h.control.watchers.size).toBe(0);
  });
});
