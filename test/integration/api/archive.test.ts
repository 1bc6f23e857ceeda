import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore, type Store } from '../../../src/store/index.ts';
import { audit, closed, sampleCall, sampleSupervision, timeline } from '../../unit/store/sample.ts';
import { startApi, type Harness } from './harness.ts';

let folder: string;
let store: Store;
let h: Harness;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'earshot-archive-'));
  store = await openStore({
    folder,
    teamsOf: ({ agent }) => (agent === null ? [] : [agent.team]),
    log: () => undefined,
  });
  const alice = { user: 'alice', token: 'secret-of-alice' };
  h = await startApi({ tokens: [...['sam', 'tom', 'root'].map(tokenOf), alice] }, { archive: store });
});
afterEach(async () => {
  await h.api.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const tokenOf = (user: string): { user: string; token: string } => ({ user, token: `secret-of-${user}` });
const idsOf = (answer: { json: unknown }): string[] =>
  (answer.json as { items: { id: string }[] }).items.map((i) => i.id);

function fill(): void {
  store.append(closed(sampleCall('old', { startedAt: '2026-01-01T10:00:00.000Z' })));
  const bob = { id: 'bob', name: 'Bob', team: 'support' };
  store.append(closed(sampleCall('help', { startedAt: '2026-01-02T10:00:00.000Z', agent: bob })));
  store.append(closed(sampleCall('new', { startedAt: '2026-01-03T10:00:00.000Z', direction: 'outbound' })));
}

describe('GET /history', () => {
  beforeEach(fill);

  test('R-START-5: closed calls of the own teams; an admin sees all, an agent none', async () => {
    expect(idsOf(await h.call('/history'))).toEqual(['new', 'old']);
    expect(idsOf(await h.call('/history', { as: 'tom' }))).toEqual(['help']);
    expect(idsOf(await h.call('/history', { as: 'root' }))).toEqual(['new', 'help', 'old']);
    expect((await h.call('/history', { as: 'alice' })).json).toMatchObject({ code: 'forbidden' });
  });

  test('search, and pages', async () => {
    const find = async (query: string): Promise<string[]> => idsOf(await h.call(`/history?${query}`, { as: 'root' }));
    expect(await find('from=2026-01-02')).toEqual(['new', 'help']);
    expect(await find('to=2026-01-02T12:00:00%2B02:00')).toEqual(['old']);
    expect(await find('agent=bob&q=ann')).toEqual(['help']);
    expect(await find('direction=outbound')).toEqual(['new']);
    expect(await find('supervised=true')).toEqual([]);
    const first = await h.call('/history?limit=2', { as: 'root' });
    const { next } = first.json as { next: number };
    expect(await find(`limit=2&after=${next}`)).toEqual(['old']);
  });

  test('a search that makes no sense', async () => {
    for (const query of [
      'limit=0',
      'limit=5000',
      'from=yesterday',
      'from=2026-13-01',
      'supervised=maybe',
      'colour=red',
      'q=',
    ]) {
      const answer = await h.call(`/history?${query}`);
      expect(answer.status, query).toBe(400);
      expect(answer.json).toMatchObject({ code: 'invalid_request' });
    }
  });
});

describe('GET /history.csv', () => {
  test('all that is found, over many pages, oldest last', async () => {
    for (let n = 0; n < 1203; n++) store.append(closed(sampleCall(`c${n}`)));
    const { text, headers, status } = await h.call('/history.csv');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/csv');
    expect(headers.get('content-disposition')).toContain('history.csv');
    const lines = text.trimEnd().split('\r\n');
    expect(lines).toHaveLength(1204);
    expect(lines[0]).toBe(
      'id,startedAt,answeredAt,endedAt,direction,customerNumber,customerName,agentId,agentName,team,queue,' +
        'waitSeconds,talkSeconds,endReason,supervisedBy',
    );
    expect(lines[1]).toMatch(/^c1202,2026-/);
    expect(new Set(lines).size).toBe(1204);
  });

  test('a caller cannot smuggle a formula or a column into the spreadsheet', async () => {
    const names = ['=1+1', '+cmd|calc', '@SUM(A1)', '-2', 'a "b", c\r\nd', '+441632960000'];
    for (const [n, name] of names.entries()) {
      store.append(closed(sampleCall(`c${n}`, { customer: { number: name, name } })));
    }
    const { text } = await h.call('/history.csv');
    const fields = text.split('\r\nc').map((line) => line.split(',')[5]);
    expect(fields.slice(1).reverse()).toEqual(["'=1+1", "'+cmd|calc", "'@SUM(A1)", "'-2", '"a ""b""', '+441632960000']);
    expect(text).toContain('"a ""b"", c\r\nd"');
  });
});

describe('GET /audit', () => {
  test('R-SEE-5: an admin sees everyone, a supervisor the own supervisions, and nobody writes', async () => {
    store.append(audit('started', sampleSupervision('s1')));
    store.append(audit('ended', sampleSupervision('s1', { state: 'ended', endReason: 'stopped' })));
    store.append(audit('started', sampleSupervision('s2', { supervisor: { id: 'tom', name: 'Tom' } })));
    const events = async (as: string, query = ''): Promise<string[]> => {
      const { items } = (await h.call(`/audit${query}`, { as })).json as {
        items: { event: string; supervision: { id: string } }[];
      };
      return items.map(({ event, supervision }) => `${supervision.id} ${event}`);
    };
    expect(await events('root')).toEqual(['s2 started', 's1 ended', 's1 started']);
    expect(await events('root', '?supervisor=tom')).toEqual(['s2 started']);
    expect(await events('sam')).toEqual(['s1 ended', 's1 started']);
    expect((await h.call('/audit?supervisor=tom')).json).toMatchObject({ code: 'forbidden' });
    expect((await h.call('/audit', { as: 'alice' })).json).toMatchObject({ code: 'forbidden' });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect((await h.call('/audit', { as: 'root', method })).status).toBe(405);
    }
  });
});

describe('a closed call that the controller no longer holds', () => {
  test('is read from what is kept, by those who may see it', async () => {
    store.append(timeline('old', 'call.created'));
    store.append(timeline('old', 'call.closed'));
    fill();
    expect((await h.call('/calls/old')).json).toMatchObject({ id: 'old', state: 'closed' });
    expect((await h.call('/calls/old/timeline', { as: 'root' })).json).toMatchObject([
      { type: 'call.created' },
      { type: 'call.closed' },
    ]);
    for (const as of ['tom', 'alice']) {
      expect((await h.call('/calls/old', { as })).json).toMatchObject({ code: 'not_found' });
      expect((await h.call('/calls/old/timeline', { as })).json).toMatchObject({ code: 'not_found' });
    }
    expect((await h.call('/calls/none')).json).toMatchObject({ code: 'not_found' });
  });
});

describe('a change is answered when it cannot be lost any more', () => {
  test('what a request led to is on disk before its answer', async () => {
    h.control.addCall('c1');
    for (let n = 0; n < 20; n++) {
      store.append(audit('started', sampleSupervision(`s${n}`)));
      expect((await h.call('/calls/c1/hold', { method: 'POST' })).status).toBe(200);
      expect(store.status.waiting).toBe(0);
    }
  });

  test('what cannot be written is not answered as done', async () => {
    h.control.addCall('c1');
    store.append(timeline('c1', undefined as unknown as string));
    expect((await h.call('/calls/c1/hold', { method: 'POST' })).json).toMatchObject({ code: 'internal_error' });
    expect((await h.call('/calls/c1')).status).toBe(200);
  });
});
