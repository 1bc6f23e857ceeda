import { request, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startApi, type Harness } from './harness.ts';

interface Frame {
  id: string;
  event: string;
  data: { id: number; type: string; data: unknown };
}

/** An event stream as a client reads it. Ids are shown without the base that the start of the server adds. */
class Stream {
  readonly response: IncomingMessage;
  text = '';
  ended = false;

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (data) => (this.text += String(data)));
    response.on('error', () => undefined);
    response.on('close', () => (this.ended = true));
  }

  /** Events; comments and frames without data are not. */
  get frames(): Frame[] {
    return this.text.split('\n\n').flatMap((block) => {
      const field = (name: string): string | undefined => new RegExp(`^${name}: ([^\\n]*)`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data === undefined) return [];
      const body = JSON.parse(data) as Frame['data'];
      expect(String(body.id)).toBe(field('id'));
      const id = body.id - h.idBase;
      return [{ id: String(id), event: field('event')!, data: { ...body, id } }];
    });
  }

  async until(n: number): Promise<Frame[]> {
    await vi.waitFor(() => {
      if (this.frames.length < n) throw new Error(`${this.frames.length} of ${n}`);
    });
    return this.frames;
  }
}

let h: Harness;
const opened: Stream[] = [];
beforeEach(async () => {
  h = await startApi();
});
afterEach(async () => {
  for (const stream of opened.splice(0)) stream.response.destroy();
  await h.api.close();
});

function open(as: string, headers: Record<string, string> = {}, query = ''): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const authorization: Record<string, string> =
      headers['cookie'] === undefined ? { authorization: `Bearer secret-of-${as}` } : {};
    const req = request(`${h.url}/api/v1/events${query}`, { headers: { ...authorization, ...headers } }, (response) => {
      const stream = new Stream(response);
      opened.push(stream);
      resolve(stream);
    });
    req.on('error', reject).end();
  });
}

const since = (id: number): Record<string, string> => ({ 'last-event-id': String(h.idBase + id) });

describe('what comes', () => {
  test('events in order, with ids, types and data; headers at once', async () => {
    const stream = await open('sam');
    expect(stream.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers['cache-control']).toBe('no-store');
    h.control.emit('call.updated', { text: 'one\ntwo\r\n\u2028' });
    h.control.emit('supervision.ended', { n: 2 });
    expect(await stream.until(2)).toMatchObject([
      { id: '1', event: 'call.updated', data: { id: 1, type: 'call.updated', data: { text: 'one\ntwo\r\n\u2028' } } },
      { id: '2', event: 'supervision.ended', data: { callId: 'c1', data: { n: 2 } } },
    ]);
    expect(stream.text.startsWith('retry: ')).toBe(true);
  });

  test('R-START-5: of the own teams only; an admin sees all', async () => {
    const [sam, tom, root] = await Promise.all([open('sam'), open('tom'), open('root')]);
    h.control.emit('call.updated', {}, 'sales');
    h.control.emit('call.updated', {}, 'support');
    h.control.emit('call.updated', {}, 'sales');
    expect((await root.until(3)).map(({ id }) => id)).toEqual(['1', '2', '3']);
    expect((await sam.until(2)).map(({ id }) => id)).toEqual(['1', '3']);
    expect((await tom.until(1)).map(({ id }) => id)).toEqual(['2']);
  });
});

describe('R-SEE-4: nothing is missed', () => {
  test('a client that reconnects gets what it missed, by header and by query', async () => {
    for (let i = 0; i < 5; i++) h.control.emit('call.updated', { i });
    const byHeader = await open('sam', since(2));
    expect((await byHeader.until(3)).map(({ id }) => id)).toEqual(['3', '4', '5']);
    const byQuery = await open('sam', {}, `?lastEventId=${h.idBase + 4}`);
    h.control.emit('call.updated', { i: 5 });
    expect((await byQuery.until(2)).map(({ id }) => id)).toEqual(['5', '6']);
  });

  test('a client that has seen no event yet knows where it stands', async () => {
    h.control.emit('call.updated', {});
    const stream = await open('sam');
    await vi.waitFor(() => {
      expect(stream.text).toContain(`id: ${h.idBase + 1}\n`);
    });
    expect(stream.frames).toEqual([]);
  });

  test('a reset where what was missed is no longer kept, or the server has begun anew', async () => {
    for (let i = 0; i < 5; i++) h.control.emit('call.updated', { i });
    h.control.kept = h.control.kept.slice(3);
    const old = await open('sam', since(1));
    expect(await old.until(1)).toMatchObject([{ id: '5', event: 'reset' }]);
    const ahead = await open('sam', since(900));
    expect(await ahead.until(1)).toMatchObject([{ id: '5', event: 'reset' }]);
    // An id of the server before the restart, which had counted further or less far than this one has by now.
    const before = await open('sam', since(-86_400_000 + 3));
    expect(await before.until(1)).toMatchObject([{ id: '5', event: 'reset' }]);
  });

  test('the heartbeat keeps the stream open and brings the newest id', async () => {
    await h.api.close();
    h = await startApi({}, { heartbeatMs: 20 });
    const tom = await open('tom');
    h.control.emit('call.updated', {}, 'sales');
    await vi.waitFor(() => {
      expect(tom.text).toContain(`: heartbeat\nid: ${h.idBase + 1}\n\n`);
    });
    expect(tom.frames).toEqual([]);
  });
});

describe('what it costs', () => {
  test('an event is serialised once for 200 clients, and all get it', async () => {
    const streams = await Promise.all(Array.from({ length: 200 }, () => open('sam')));
    let serialised = 0;
    const data = {
      toJSON: () => {
        serialised++;
        return { call: 'c1' };
      },
    };
    h.control.emit('call.updated', data);
    for (const stream of streams) expect(await stream.until(1)).toMatchObject([{ data: { data: { call: 'c1' } } }]);
    expect(serialised).toBe(1);
  });

  test('a client that does not read is disconnected, and gets what it missed afterwards', async () => {
    const slow = await open('sam');
    slow.response.pause();
    const fast = await open('sam');
    const text = 'x'.repeat(100_000);
    let sent = 0;
    // Socket buffers of both ends fill first; then a megabyte may wait. The one who reads sets the pace.
    while (h.control.listeners.size > 1 && sent < 500) {
      h.control.emit('call.updated', { text });
      sent++;
      await vi.waitFor(() => {
        expect(fast.text.length).toBeGreaterThan(sent * text.length);
      });
    }
    expect(h.control.listeners.size).toBe(1);
    expect(sent).toBeLessThan(500);
    const again = await open('sam', since(sent - 2));
    expect((await again.until(2)).map(({ id }) => Number(id))).toEqual([sent - 1, sent]);
  });

  test('a long replay is not taken for slowness', async () => {
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 50; i++) h.control.emit('call.updated', { text });
    const stream = await open('sam', since(0));
    h.control.emit('call.updated', { text });
    expect((await stream.until(51)).at(-1)).toMatchObject({ id: '51' });
  });

  test('no more streams than the limit', async () => {
    await h.api.close();
    h = await startApi({ limits: { eventClients: 2 } });
    await Promise.all([open('sam'), open('sam')]);
    const answer = await h.call('/events');
    expect(answer.status).toBe(429);
    expect(answer.json).toMatchObject({ code: 'too_many_requests' });
  });
});

describe('how it ends', () => {
  test('a client that goes leaves no listener behind', async () => {
    const stream = await open('sam');
    expect(h.control.listeners.size).toBe(1);
    stream.response.destroy();
    await vi.waitFor(() => {
      expect(h.control.listeners.size).toBe(0);
    });
    expect((await h.call('/metrics', { as: null })).text).toContain('\nearshot_event_clients 0\n');
  });

  test('signing out ends the streams of that session, idleness too', async () => {
    await h.api.close();
    h = await startApi({}, { heartbeatMs: 20 });
    const cookie = async (): Promise<string> => {
      const json = { username: 'sam', password: 'pw-sam' };
      const answer = await h.call('/session', { method: 'POST', as: null, json });
      return answer.headers.get('set-cookie')!.split(';')[0]!;
    };
    const [first, second] = [await cookie(), await cookie()];
    const one = await open('sam', { cookie: first });
    const two = await open('sam', { cookie: second });
    await h.call('/session', { method: 'DELETE', as: null, headers: { cookie: first } });
    await vi.waitFor(() => {
      expect(one.ended).toBe(true);
    });
    // An open stream keeps its session alive, up to the day's end.
    h.clock.now += 40 * 60_000;
    await vi.waitFor(() => {
      expect(two.text.match(/heartbeat/g)?.length).toBeGreaterThan(2);
    });
    h.clock.now += 40 * 60_000;
    expect((await h.call('/me', { as: null, headers: { cookie: second } })).status).toBe(200);
    h.clock.now += 24 * 60 * 60_000;
    await vi.waitFor(() => {
      expect(two.ended).toBe(true);
    });
    expect(h.control.listeners.size).toBe(0);
  });

  test('closing the server ends all', async () => {
    const streams = await Promise.all([open('sam'), open('root')]);
    await h.api.close();
    await vi.waitFor(() => {
      expect(streams.every(({ ended }) => ended)).toBe(true);
    });
    expect(h.control.listeners.size).toBe(0);
  });

  test('HEAD says what there would be, and ends', async () => {
    const answer = await h.call('/events', { method: 'HEAD' });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(h.control.listeners.size).toBe(0);
  });
});
