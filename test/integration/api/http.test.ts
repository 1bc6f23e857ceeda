import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/call/errors.ts';
import { STATUS } from '../../../src/api/problem.ts';
import { startApi, type Harness } from './harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startApi();
  h.control.addCall('c1');
});
afterEach(() => h.api.close());

describe('reading', () => {
  test('who one is: permissions and teams by role (R-START-5)', async () => {
    expect((await h.call('/me')).json).toMatchObject({
      id: 'sam',
      role: 'supervisor',
      permissions: ['listen', 'whisper'],
      teams: ['sales'],
      webrtc: { available: false, reason: 'no worker' },
    });
    expect((await h.call('/me', { as: 'root' })).json).toMatchObject({
      permissions: ['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'],
      teams: ['sales', 'support'],
    });
  });

  test('calls, agents, supervisors, queues, timeline', async () => {
    expect((await h.call('/calls')).json).toMatchObject([{ id: 'c1', state: 'active' }]);
    expect((await h.call('/calls/c1')).json).toMatchObject({ id: 'c1' });
    expect((await h.call('/calls/c1/timeline')).json).toMatchObject([{ type: 'call.started' }]);
    expect((await h.call('/agents')).json).toMatchObject([{ id: 'alice' }]);
    expect((await h.call('/supervisors')).json).toMatchObject([{ id: 'sam' }, { id: 'tom' }, { id: 'root' }]);
    expect((await h.call('/queues')).json).toMatchObject([{ id: 'sales', availableAgents: 1 }]);
  });

  test('nothing is cached and nothing is sniffed', async () => {
    const { headers } = await h.call('/calls');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
  });
});

describe('supervising', () => {
  test('start, read, change, stop', async () => {
    const started = await h.call('/calls/c1/supervisions', { method: 'POST', json: { mode: 'listen' } });
    expect(started.status).toBe(201);
    expect(started.headers.get('location')).toBe('/api/v1/supervisions/s1');
    expect(started.json).toMatchObject({ id: 's1', state: 'ringing', mode: 'listen' });
    expect((await h.call('/supervisions')).json).toMatchObject([{ id: 's1' }]);
    const changed = await h.call('/supervisions/s1', { method: 'PATCH', json: { mode: 'whisper' } });
    expect(changed.json).toMatchObject({ mode: 'whisper', paused: false });
    expect((await h.call('/supervisions/s1')).json).toMatchObject({ mode: 'whisper' });
    const stopped = await h.call('/supervisions/s1', { method: 'DELETE' });
    expect(stopped.json).toMatchObject({ state: 'ended', endReason: 'stopped' });
    expect((await h.call('/supervisions/s1')).status).toBe(404);
    expect(h.control.asked).toEqual([
      ['startSupervision', 'sam', 'c1', { mode: 'listen' }],
      ['changeSupervision', 'sam', 's1', { mode: 'whisper' }],
      ['stopSupervision', 'sam', 's1'],
    ]);
  });

  test('the agent operations take no body, or an empty one', async () => {
    expect((await h.call('/calls/c1/hold', { method: 'POST' })).status).toBe(200);
    expect((await h.call('/calls/c1/resume', { method: 'POST', json: {} })).status).toBe(200);
    expect((await h.call('/calls/c1/hangup', { method: 'POST', json: { why: 1 } })).status).toBe(400);
    expect(h.control.asked.map(([name]) => name)).toEqual(['hold', 'resume']);
  });

  test('click to dial and the state of an agent', async () => {
    const made = await h.call('/calls', { method: 'POST', json: { agent: 'alice', to: '+44123' } });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe('/api/v1/calls/c2');
    const state = { state: 'away', reason: 'lunch' };
    const agent = await h.call('/agents/alice/state', { method: 'PUT', json: state });
    expect(agent.json).toMatchObject({ state: 'away', stateReason: 'lunch' });
  });
});

describe('the rest of a call', () => {
  const post = (path: string, json?: unknown): ReturnType<Harness['call']> =>
    h.call(`/calls/c1/${path}`, { method: 'POST', ...(json === undefined ? {} : { json }) });

  test('consult, conference, interventions and sentiment reach the controller as they are', async () => {
    await post('consult', { to: { agent: 'bob' } });
    await post('consult/complete');
    await post('consult/cancel');
    await post('conference');
    await post('takeover');
    await post('transfer', { to: { queue: 'sales' } });
    await post('transfer', { to: { number: '+44123' } });
    await post('consult', { to: '1002' });
    const assigned = await post('assign', { to: { agent: 'alice' }, override: true });
    await post('assign', { to: { agent: 'alice' } });
    await post('end');
    const felt = await h.call('/calls/c1/sentiment', { method: 'PUT', json: { value: -0.5 } });
    expect(assigned.json).toMatchObject({ id: 'c1', excess: 1 });
    expect(felt.json).toMatchObject({ sentiment: -0.5 });
    expect(h.control.asked).toEqual([
      ['consult', 'sam', 'c1', { agent: 'bob' }],
      ['consultComplete', 'sam', 'c1'],
      ['consultCancel', 'sam', 'c1'],
      ['conference', 'sam', 'c1'],
      ['takeover', 'sam', 'c1'],
      ['transfer', 'sam', 'c1', { queue: 'sales' }],
      ['transfer', 'sam', 'c1', { number: '+44123' }],
      ['consult', 'sam', 'c1', { number: '1002' }],
      ['assign', 'sam', 'c1', { agent: 'alice' }, true],
      ['assign', 'sam', 'c1', { agent: 'alice' }, false],
      ['end', 'sam', 'c1'],
      ['setSentiment', 'sam', 'c1', -0.5],
    ]);
  });

  test('a destination is one of agent, queue and number', async () => {
    for (const to of [{}, { agent: 'a', queue: 'b' }, { agent: 7 }, { agent: '' }, 'alice', null, [{ agent: 'a' }]]) {
      expect((await post('transfer', { to })).status, JSON.stringify(to)).toBe(400);
    }
    expect((await h.call('/calls/c1/sentiment', { method: 'PUT', json: { value: 2 } })).status).toBe(400);
    expect(h.control.asked).toEqual([]);
  });
});

describe('refusals', () => {
  test('each code has its status, its detail and the fields that help', async () => {
    for (const [code, status] of Object.entries(STATUS)) {
      if (code === 'internal_error') continue;
      h.control.refuse = { code: code as ErrorCode, fields: { holder: { id: 'root', name: 'Root' } } };
      const answer = await h.call('/calls/c1/supervisions', { method: 'POST', json: { mode: 'barge' } });
      expect(answer.status, code).toBe(status);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(answer.json).toEqual({
        type: 'about:blank',
        title: expect.any(String) as string,
        status,
        code,
        detail: `Refused: ${code}.`,
        holder: { id: 'root', name: 'Root' },
      });
    }
  });

  test('a field of a refusal replaces no standard member; 429 says when to come back', async () => {
    h.control.refuse = { code: 'too_many_requests', fields: { status: 200, retryAfter: 2.5 } };
    const answer = await h.call('/calls/c1/hold', { method: 'POST' });
    expect(answer.json).toMatchObject({ status: 429, code: 'too_many_requests' });
    expect(answer.headers.get('retry-after')).toBe('3');
  });

  test('a fault of ours is logged, and the client is not told what it was', async () => {
    h.control.fault = new Error('database password is hunter2');
    const answer = await h.call('/calls/c1/hold', { method: 'POST' });
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ code: 'internal_error' });
    expect(answer.text).not.toContain('hunter2');
    expect(h.logged.join()).toContain('hunter2');
  });
});

describe('bad requests', () => {
  const start = (init: Parameters<Harness['call']>[1]): ReturnType<Harness['call']> =>
    h.call('/calls/c1/supervisions', { method: 'POST', ...init });
  afterEach(() => {
    expect(h.control.asked).toEqual([]);
  });

  test('a body that is not JSON, or no object', async () => {
    const headers = { 'content-type': 'application/json' };
    for (const body of ['{', 'true', '"x"', '[]', 'null', '\u0000', '{"mode":"listen"']) {
      const answer = await start({ body, headers });
      expect(answer.status, body).toBe(400);
      expect(answer.json).toMatchObject({ code: 'invalid_request' });
    }
  });

  test('every fault of a body is named by its path', async () => {
    const answer = await start({ json: { mode: 'shout', target: 7, extra: 1 } });
    expect(answer.status).toBe(400);
    const { errors } = answer.json as { errors: { in: string; path: string }[] };
    expect(errors.map(({ path }) => path)).toEqual(['mode', 'target', '']);
    expect(errors.every((error) => error.in === 'body')).toBe(true);
    expect((await start({})).json).toMatchObject({ code: 'invalid_request' });
    expect((await h.call('/supervisions/s1', { method: 'PATCH', json: {} })).status).toBe(400);
  });

  test('prototype members are members like others', async () => {
    const answer = await start({
      body: '{"mode":"listen","__proto__":{"x":1}}',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(400);
  });

  test('another media type, another charset, a compressed body', async () => {
    expect((await start({ body: 'mode=listen', headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await start({ body: 'mode=listen' })).status).toBe(415);
    const headers = { 'content-type': 'application/json; charset=iso-8859-1' };
    expect((await start({ body: '{"mode":"listen"}', headers })).status).toBe(415);
    const zipped = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect((await start({ body: '{"mode":"listen"}', headers: zipped })).status).toBe(415);
  });

  test('more than 64 KB, told before or found out', async () => {
    const big = JSON.stringify({ mode: 'listen', target: 'x'.repeat(70_000) });
    const answer = await start({ body: big, headers: { 'content-type': 'application/json' } });
    expect(answer.status).toBe(413);
    expect(answer.json).toMatchObject({ code: 'invalid_request' });
    const chunk = 'x'.repeat(16 * 1024);
    const chunks = Array.from({ length: 6 }, () => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
    const raw = await exchange(
      'POST /api/v1/calls/c1/supervisions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-of-sam\r\n' +
        `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`,
    );
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('unknown addresses, unknown methods, broken paths', async () => {
    const unknown = await h.call('/nonsense');
    expect(unknown.status).toBe(404);
    expect(unknown.json).toMatchObject({ code: 'not_found' });
    expect((await h.call('/calls/none')).json).toMatchObject({ code: 'not_found' });
    const method = await h.call('/calls/c1', { method: 'DELETE' });
    expect(method.status).toBe(405);
    expect(method.headers.get('allow')).toBe('GET, HEAD');
    expect((await h.call('/calls/%ZZ')).status).toBe(400);
    expect((await h.call('/events?lastEventId=x')).status).toBe(400);
    expect((await h.call('/events', { headers: { 'last-event-id': '-1' } })).status).toBe(400);
  });

  test('what is not HTTP', async () => {
    expect(await exchange('\u0016\u0003\u0001 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"code":"invalid_request"/);
    const header = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await exchange(header)).toMatch(/^HTTP\/1\.1 431 /);
    expect((await h.call('/calls')).status).toBe(200);
  });

  /** Sends octets, returns all that comes back until the server closes. */
  function exchange(text: string): Promise<string> {
    return new Promise((resolve) => {
      const { hostname, port } = new URL(h.url);
      let answer = '';
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.setEncoding('utf8').on('data', (data) => (answer += String(data)));
      socket
        .on('error', () => undefined)
        .on('close', () => {
          resolve(answer);
        });
    });
  }
});

describe('health and metrics', () => {
  test('live always, ready once phones can register', async () => {
    expect((await h.call('/health/live', { as: null })).status).toBe(200);
    expect((await h.call('/health/ready', { as: null })).status).toBe(200);
    h.health = { ready: false, parts: { sip: 'starting' } };
    const answer = await h.call('/health/ready', { as: null });
    expect(answer.status).toBe(503);
    expect(answer.json).toEqual({ status: 'not ready', parts: { sip: 'starting' } });
    expect((await h.call('/health/live', { as: null })).status).toBe(200);
  });

  test('figures of calls, requests and the other parts', async () => {
    await h.api.close();
    h = await startApi(
      {},
      {
        metrics: [
          { name: 'earshot_sip_transactions', help: 'Transactions', type: 'gauge', read: () => 7 },
          {
            name: 'earshot_media_packets_total',
            help: 'Packets',
            type: 'counter',
            labels: ['direction'],
            read: () => Promise.resolve([{ labels: { direction: 'in' }, value: 5 }]),
          },
          {
            name: 'earshot_broken',
            help: 'Fails',
            type: 'gauge',
            read: () => {
              throw new Error('broken');
            },
          },
        ],
      },
    );
    h.control.addCall('c1');
    await h.call('/calls/c1');
    await h.call('/calls/none');
    const { text, headers } = await h.call('/metrics', { as: null });
    expect(headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('\nearshot_calls 1\n');
    expect(text).toContain('\nearshot_sip_transactions 7\n');
    expect(text).toContain('\nearshot_media_packets_total{direction="in"} 5\n');
    expect(text).toContain(
      'earshot_http_request_duration_seconds_count{method="GET",route="/calls/{id}",status="200"} 1',
    );
    expect(text).toContain(
      'earshot_http_request_duration_seconds_count{method="GET",route="/calls/{id}",status="404"} 1',
    );
    expect(text).not.toMatch(/^earshot_broken /m);
    expect(h.logged.join()).toContain('metric earshot_broken');
  });
});

test('close is idempotent, and an address in use is told', async () => {
  const { port } = new URL(h.url);
  await expect(startApi({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await Promise.all([h.api.close(), h.api.close()]);
  await expect(fetch(h.url)).rejects.toThrow();
});
