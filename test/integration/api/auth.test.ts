import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startApi, type Answer, type Harness } from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startApi();
  h.control.addCall('c1');
});
afterEach(() => h.api.close());

const signIn = (username: string, password: string, headers: Record<string, string> = {}): Promise<Answer> =>
  h.call('/session', { method: 'POST', as: null, json: { username, password }, headers });
const cookieOf = (answer: Answer): string => answer.headers.get('set-cookie')!.split(';')[0]!;

describe('bearer tokens', () => {
  test('wanted for everything below /api/v1', async () => {
    for (const path of ['/me', '/calls', '/calls/c1', '/agents', '/supervisions', '/queues', '/events']) {
      const answer = await h.call(path, { as: null });
      expect(answer.status, path).toBe(401);
      expect(answer.json).toMatchObject({ code: 'unauthorized' });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  test('a wrong one, an empty one, another scheme', async () => {
    for (const authorization of ['Bearer nobody', 'Bearer ', 'Bearer', 'Basic c2FtOnB3LXNhbQ==', 'secret-of-sam']) {
      expect((await h.call('/me', { as: null, headers: { authorization } })).status, authorization).toBe(401);
    }
    expect((await h.call('/me', { as: null, headers: { authorization: 'bearer secret-of-sam' } })).status).toBe(200);
  });

  test('as a hash, so that the configuration does not hold it', async () => {
    await h.api.close();
    const sha256 = createHash('sha256').update('in the vault').digest('hex').toUpperCase();
    h = await startApi({ tokens: [{ user: 'root', sha256 }] });
    const answer = await h.call('/me', { as: null, headers: { authorization: 'Bearer vault' } });
    expect(answer.status).toBe(401);
    const right = { authorization: `Bearer ${sha256}` };
    expect((await h.call('/me', { as: null, headers: right })).status).toBe(401);
  });

  test('the hash matches the token that it is of', async () => {
    await h.api.close();
    const sha256 = createHash('sha256').update('in-the-vault').digest('hex');
    h = await startApi({ tokens: [{ user: 'root', sha256 }] });
    const answer = await h.call('/me', { as: null, headers: { authorization: 'Bearer in-the-vault' } });
    expect(answer.json).toMatchObject({ id: 'root' });
  });

  test('a wrong token never falls back to a good cookie', async () => {
    const cookie = cookieOf(await signIn('sam', 'pw-sam'));
    expect((await h.call('/me', { as: null, headers: { cookie } })).status).toBe(200);
    const both = { cookie, authorization: 'Bearer wrong' };
    expect((await h.call('/me', { as: null, headers: both })).status).toBe(401);
  });

  test("a stranger's body is not read", async () => {
    const answer = await h.call('/calls', {
      method: 'POST',
      as: null,
      body: '{',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(401);
  });
});

describe('sessions', () => {
  test('by user id or extension; the cookie is out of reach of scripts and of other sites', async () => {
    const answer = await signIn('sam', 'pw-sam');
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({ id: 'sam', name: 'Sam' });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^earshot_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect((await h.call('/me', { as: null, headers: { cookie: cookieOf(answer) } })).json).toMatchObject({
      id: 'sam',
    });
    expect((await signIn('2001', 'pw-sam')).json).toMatchObject({ id: 'sam' });
    for (const [username, password] of [
      ['sam', 'pw-root'],
      ['nobody', 'pw-sam'],
      ['sam', ' pw-sam'],
      ['constructor', 'x'],
    ] as const) {
      const refused = await signIn(username, password);
      expect([refused.status, refused.headers.get('set-cookie')]).toEqual([401, null]);
    }
  });

  test('Secure where the public address is https', async () => {
    await h.api.close();
    h = await startApi({ publicUrl: 'https://earshot.example.com' });
    const answer = await signIn('sam', 'pw-sam', { origin: 'https://earshot.example.com' });
    expect(answer.headers.get('set-cookie')).toContain('; Secure');
    expect(answer.headers.get('strict-transport-security')).toContain('max-age=');
  });

  test('each signing in makes a new id; signing out ends that session alone', async () => {
    const first = cookieOf(await signIn('sam', 'pw-sam'));
    const second = cookieOf(await signIn('sam', 'pw-sam', { cookie: first }));
    expect(second).not.toBe(first);
    const out = await h.call('/session', { method: 'DELETE', as: null, headers: { cookie: first } });
    expect(out.status).toBe(204);
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await h.call('/me', { as: null, headers: { cookie: first } })).status).toBe(401);
    expect((await h.call('/me', { as: null, headers: { cookie: second } })).status).toBe(200);
  });

  test('R-FLOW-5: no signing out while a supervision is open', async () => {
    const cookie = cookieOf(await signIn('sam', 'pw-sam'));
    await h.call('/calls/c1/supervisions', { method: 'POST', as: null, json: { mode: 'listen' }, headers: { cookie } });
    const refused = await h.call('/session', { method: 'DELETE', as: null, headers: { cookie } });
    expect(refused.status).toBe(409);
    expect(refused.json).toMatchObject({ code: 'supervision_open', supervision: 's1' });
    expect((await h.call('/session', { method: 'DELETE' })).json).toMatchObject({ code: 'supervision_open' });
    await h.call('/supervisions/s1', { method: 'DELETE', as: null, headers: { cookie } });
    expect((await h.call('/session', { method: 'DELETE', as: null, headers: { cookie } })).status).toBe(204);
  });

  test('ends by idleness, and a day after it began', async () => {
    const idle = { headers: { cookie: cookieOf(await signIn('sam', 'pw-sam')) }, as: null };
    h.clock.now += 59 * 60_000;
    expect((await h.call('/me', idle)).status).toBe(200);
    h.clock.now += 61 * 60_000;
    expect((await h.call('/me', idle)).status).toBe(401);
    const busy = { headers: { cookie: cookieOf(await signIn('sam', 'pw-sam')) }, as: null };
    for (let i = 0; i < 24; i++) {
      h.clock.now += 59 * 60_000;
      expect((await h.call('/me', busy)).status).toBe(200);
    }
    h.clock.now += 30 * 60_000;
    expect((await h.call('/me', busy)).status).toBe(401);
  });

  test('a cookie of another shape is nobody', async () => {
    for (const cookie of [
      'earshot_session=',
      'earshot_session=x',
      'earshot_session',
      '=;;=',
      'a=b; earshot_session=%ff',
    ]) {
      expect((await h.call('/me', { as: null, headers: { cookie } })).status).toBe(401);
    }
  });
});

describe('requests that another site makes', () => {
  test.each<[string, Record<string, string>]>([
    ['of another origin', { origin: 'https://evil.example' }],
    ['without an origin to tell', { origin: 'null' }],
    ['of a sister site', { 'sec-fetch-site': 'same-site' }],
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
  ])('%s: no write by cookie, no signing in', async (_name, foreign) => {
    const cookie = cookieOf(await signIn('sam', 'pw-sam'));
    const write = await h.call('/calls/c1/hold', { method: 'POST', as: null, headers: { cookie, ...foreign } });
    expect(write.status).toBe(403);
    expect(write.json).toMatchObject({ code: 'forbidden', reason: 'cross_site' });
    expect((await signIn('sam', 'pw-sam', foreign)).status).toBe(403);
    expect(h.control.asked).toEqual([]);
    // A token is not sent by a browser on its own.
    expect((await h.call('/calls/c1/hold', { method: 'POST', headers: foreign })).status).toBe(200);
  });

  test('our own pages may, and so may programs', async () => {
    const cookie = cookieOf(await signIn('sam', 'pw-sam'));
    for (const own of [{ origin: h.url, 'sec-fetch-site': 'same-origin' }, { origin: h.url }, {}]) {
      const headers = { cookie, ...own } as Record<string, string>;
      expect((await h.call('/calls/c1/hold', { method: 'POST', as: null, headers })).status).toBe(200);
    }
  });

  test('a form is no JSON', async () => {
    const cookie = cookieOf(await signIn('sam', 'pw-sam'));
    const answer = await h.call('/calls/c1/supervisions', {
      method: 'POST',
      as: null,
      body: '{"mode":"listen"}',
      headers: { cookie, 'content-type': 'text/plain' },
    });
    expect(answer.status).toBe(415);
  });
});

describe('limits', () => {
  test('wrong passwords: after some the right one has to wait too, and others do not', async () => {
    await h.api.close();
    h = await startApi({ limits: { failureBurst: 3, failuresPerMinute: 60 } });
    for (let i = 0; i < 3; i++) expect((await signIn('sam', `guess ${i}`)).status).toBe(401);
    const refused = await signIn('sam', 'pw-sam');
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject({ code: 'too_many_requests' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await h.call('/me')).status).toBe(200);
    h.clock.now += 2000;
    expect((await signIn('sam', 'pw-sam')).status).toBe(201);
  });

  test('right passwords are not counted', async () => {
    await h.api.close();
    h = await startApi({ limits: { failureBurst: 2, failuresPerMinute: 1 } });
    for (let i = 0; i < 10; i++) expect((await signIn('sam', 'pw-sam')).status).toBe(201);
  });

  test('wrong tokens: 429 for the guesser, the right token still works', async () => {
    await h.api.close();
    h = await startApi({ limits: { failureBurst: 2, failuresPerMinute: 1 } });
    const guess = (): Promise<Answer> => h.call('/me', { as: null, headers: { authorization: 'Bearer x' } });
    expect([(await guess()).status, (await guess()).status, (await guess()).status]).toEqual([401, 401, 429]);
    expect((await h.call('/me')).status).toBe(200);
  });

  test('requests of a user and of a stranger are counted apart', async () => {
    await h.api.close();
    h = await startApi({ limits: { requestBurst: 5, requestsPerSecond: 1, anonymousBurst: 3, anonymousPerSecond: 1 } });
    const statuses = async (n: number, as: string | null): Promise<number[]> => {
      const list: number[] = [];
      for (let i = 0; i < n; i++) list.push((await h.call('/me', { as })).status);
      return list;
    };
    expect(await statuses(6, 'sam')).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await statuses(1, 'root')).toEqual([200]);
    expect(await statuses(4, null)).toEqual([401, 401, 401, 429]);
    expect((await h.call('/health/live', { as: null })).status).toBe(200);
    h.clock.now += 1000;
    expect(await statuses(2, 'sam')).toEqual([200, 429]);
  });

  test('the defaults let 50 parallel starts and 500 requests at once pass', async () => {
    const start = (): Promise<Answer> => h.call('/calls/c1/supervisions', { method: 'POST', json: { mode: 'listen' } });
    const starts = await Promise.all(Array.from({ length: 50 }, start));
    expect(starts.filter(({ status }) => status === 429)).toEqual([]);
    const reads = await Promise.all(Array.from({ length: 500 }, () => h.call('/me')));
    expect(reads.every(({ status }) => status === 200)).toBe(true);
  });
});
