import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore, RESTARTED, type Store, type StoreOptions } from '../../../src/store/index.ts';
import { AT, audit, closed, sampleCall, sampleSupervision, timeline } from './sample.ts';

let folder: string;
let store: Store;
const logged: string[] = [];

async function open(options: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore({
    folder,
    teamsOf: (call) => (call.agent === null ? [] : [call.agent.team]),
    log: (level, message) => logged.push(`${level} ${message}`),
    ...options,
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'earshot-store-'));
  logged.length = 0;
  store = await open();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const ids = (items: readonly { id: string }[]): string[] => items.map(({ id }) => id);
const ALL = { teams: null, limit: 100 } as const;

describe('what is written is read', () => {
  test('R-SEE-3: the timeline of a call, in order, with times and persons; over a restart', async () => {
    for (let n = 0; n < 50; n++) store.append(timeline('c1', `step.${n}`, { n }));
    store.append(timeline('c2', 'other'));
    store.append(closed(sampleCall('c1')));
    await store.close();
    store = await open();
    const kept = await store.timeline('c1');
    expect(kept.map(({ type }) => type)).toEqual(Array.from({ length: 50 }, (_, n) => `step.${n}`));
    expect(kept[7]).toEqual({ at: AT, type: 'step.7', by: null, data: { n: 7 } });
    expect(await store.timeline('c3')).toEqual([]);
  });

  test('R-SEE-5: the audit tells who, whom, when, mode and why it ended', async () => {
    const supervision = sampleSupervision('s1');
    const ended = { ...supervision, mode: 'barge', state: 'ended', endedAt: AT, endReason: 'stopped' } as const;
    store.append(audit('started', supervision));
    store.append(audit('updated', { ...supervision, mode: 'barge' }));
    store.append(audit('ended', ended));
    const { items } = await store.audit({ supervisor: null, limit: 10 });
    expect(items.map(({ event, supervision: { mode } }) => [event, mode])).toEqual([
      ['ended', 'barge'],
      ['updated', 'barge'],
      ['started', 'listen'],
    ]);
    expect(items[0]).toMatchObject({ at: AT, supervision: ended, target: { userId: 'alice', name: 'Alice' } });
    expect((await store.audit({ supervisor: 'sue', limit: 10 })).items).toEqual([]);
    expect((await store.audit({ supervisor: 'sam', supervision: 's1', call: 'c1', limit: 10 })).items).toHaveLength(3);
  });

  test('a closed call, whole', async () => {
    const call = sampleCall('c1', { supervisions: [sampleSupervision('s1')] });
    store.append(closed(call));
    expect(await store.call('c1')).toEqual({ call, teams: ['sales'] });
    expect(await store.call('c2')).toBeNull();
  });

  test('the same end twice is one', async () => {
    store.append(closed(sampleCall('c1')));
    store.append(closed(sampleCall('c1', { endReason: 'other' })));
    store.append(audit('ended', sampleSupervision('s1')));
    store.append(audit('ended', sampleSupervision('s1')));
    expect((await store.history(ALL)).items).toMatchObject([{ id: 'c1', endReason: 'customer_left' }]);
    expect((await store.audit({ supervisor: null, limit: 10 })).items).toHaveLength(1);
  });
});

describe('search', () => {
  beforeEach(() => {
    const bob = { id: 'bob', name: 'Bob', team: 'support' };
    store.append(closed(sampleCall('c1', { startedAt: '2026-01-01T00:00:00.000Z' })));
    store.append(closed(sampleCall('c2', { startedAt: '2026-01-02T00:00:00.000Z', agent: bob, queue: 'help' })));
    store.append(
      closed(
        sampleCall('c3', {
          startedAt: '2026-01-03T00:00:00.000Z',
          direction: 'outbound',
          customer: { number: '+100%_7', name: "O'Hara; DROP TABLE calls" },
          supervisions: [sampleSupervision('s1')],
        }),
      ),
    );
    store.append(closed(sampleCall('c4', { startedAt: '2026-01-04T00:00:00.000Z', agent: null, queue: null })));
  });

  test.each<[string, object, string[]]>([
    ['all, newest first', {}, ['c4', 'c3', 'c2', 'c1']],
    ['from, inclusive', { from: '2026-01-03T00:00:00.000Z' }, ['c4', 'c3']],
    ['to, exclusive', { to: '2026-01-03T00:00:00.000Z' }, ['c2', 'c1']],
    ['agent', { agent: 'bob' }, ['c2']],
    ['queue', { queue: 'sales' }, ['c3', 'c1']],
    ['direction', { direction: 'outbound' }, ['c3']],
    ['supervised', { supervised: true }, ['c3']],
    ['not supervised', { supervised: false }, ['c4', 'c2', 'c1']],
    ['name, whatever its case', { text: 'ann OTH' }, ['c4', 'c2', 'c1']],
    ['number', { text: '1632960' }, ['c4', 'c2', 'c1']],
    ['agent by name', { text: 'bob' }, ['c2']],
    ['a quote and a semicolon', { text: "o'hara; drop" }, ['c3']],
    ['wildcards mean themselves', { text: '%_7' }, ['c3']],
    ['a wildcard alone', { text: '%' }, ['c3']],
    ['one team', { teams: ['sales'] }, ['c3', 'c1']],
    ['two teams', { teams: ['sales', 'support'] }, ['c3', 'c2', 'c1']],
    ['no team', { teams: [] }, []],
  ])('%s', async (_name, query, expected) => {
    expect(ids((await store.history({ ...ALL, ...query })).items)).toEqual(expected);
  });

  test('page by page, while new ones come in', async () => {
    const first = await store.history({ ...ALL, limit: 2 });
    expect(ids(first.items)).toEqual(['c4', 'c3']);
    store.append(closed(sampleCall('c5')));
    const second = await store.history({ ...ALL, limit: 2, after: first.next! });
    expect([ids(second.items), second.next]).toEqual([['c2', 'c1'], null]);
  });
});

describe('append-only', () => {
  test('no UPDATE and no DELETE, whoever asks', async () => {
    store.append(audit('started', sampleSupervision('s1')));
    store.append(timeline('c1', 'call.created'));
    await store.close();
    const db = new DatabaseSync(join(folder, 'earshot.db'));
    try {
      for (const table of ['audit', 'timeline']) {
        expect(() => db.exec(`UPDATE ${table} SET at = ''`)).toThrow('append-only');
        expect(() => db.exec(`DELETE FROM ${table}`)).toThrow('append-only');
      }
      db.exec("REPLACE INTO audit SELECT seq, id, '', event, '', '', '', '', '' FROM audit");
      db.exec("REPLACE INTO timeline SELECT seq, id, '', '', '', '', '' FROM timeline");
      expect(db.prepare('SELECT at FROM audit').all()).toEqual([{ at: AT }]);
      expect(db.prepare('SELECT at FROM timeline').all()).toEqual([{ at: AT }]);
    } finally {
      db.close();
    }
  });
});

describe('after a killed server', () => {
  test('open supervisions and calls are ended once, closed ones stay as they are', async () => {
    const supervision = sampleSupervision('s1', { mode: 'whisper' });
    store.append(timeline('c1', 'call.created', { direction: 'outbound', queue: 'sales' }));
    store.append(audit('started', supervision));
    store.append(timeline('c2', 'call.created'));
    store.append(closed(sampleCall('c2')));
    await store.close();
    for (let restart = 0; restart < 3; restart++) {
      store = await open({ now: () => Date.parse(`2026-02-0${restart + 1}T00:00:00.000Z`) });
      await store.close();
    }
    store = await open();
    const { items } = await store.audit({ supervisor: null, limit: 10 });
    expect(items.map(({ event }) => event)).toEqual(['ended', 'started']);
    expect(items[0]?.supervision).toEqual({
      ...supervision,
      state: 'ended',
      endedAt: '2026-02-01T00:00:00.000Z',
      endReason: 'call_ended',
    });
    expect((await store.history(ALL)).items).toMatchObject([
      { id: 'c1', direction: 'outbound', queue: 'sales', startedAt: AT, endReason: RESTARTED },
      { id: 'c2', endReason: 'customer_left' },
    ]);
    expect((await store.timeline('c1')).map(({ type }) => type)).toEqual(['call.created', 'call.closed']);
  });
});

describe('faults', () => {
  test('a second server with the same folder is refused, and told why', async () => {
    await expect(open()).rejects.toThrow(/another Earshot is running/);
    store.append(closed(sampleCall('c1')));
    await store.durable();
  });

  test('a file that is no database, and a folder that cannot be used', async () => {
    await store.close();
    writeFileSync(join(folder, 'earshot.db'), 'x'.repeat(10_000));
    await expect(open()).rejects.toThrow(/earshot\.db cannot be opened: .*not a database/);
    await expect(open({ folder: join(folder, 'earshot.db') })).rejects.toThrow();
  });

  test('a file of a newer version is left alone', async () => {
    await store.close();
    const db = new DatabaseSync(join(folder, 'earshot.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    await expect(open()).rejects.toThrow(/newer version/);
  });

  test('a write that fails is told, kept and tried again', async () => {
    // A record that SQLite refuses: it stands for a full disk, which refuses all.
    store.append(timeline('c1', undefined as unknown as string));
    await expect(store.durable()).rejects.toThrow(/cannot be written/);
    expect(store.status).toMatchObject({ waiting: 1, written: 0, failing: expect.any(String) as string });
    expect(logged.join()).toContain('records cannot be written');
    await expect(store.durable()).rejects.toThrow(/cannot be written/);
    await store.close();
    expect(logged.join()).toContain('1 records are lost');
  });

  test('close is idempotent, writes what waits, and nothing is taken after it', async () => {
    store.append(closed(sampleCall('c1')));
    await Promise.all([store.close(), store.close()]);
    expect(() => {
      store.append(closed(sampleCall('c2')));
    }).toThrow('closed');
    await expect(store.history(ALL)).rejects.toThrow('closed');
    store = await open();
    expect(ids((await store.history(ALL)).items)).toEqual(['c1']);
  });
});

test('records of the same moment share a commit: 20,000 in the time of a few', async () => {
  for (let n = 0; n < 20_000; n++) store.append(timeline(`c${n % 100}`, 'step', { n }));
  await store.durable();
  expect(store.status).toEqual({ waiting: 0, written: 20_000, failing: null });
  const kept = await store.timeline('c7');
  expect(kept.map(({ data }) => data['n'])).toEqual(Array.from({ length: 200 }, (_, i) => i * 100 + 7));
});
