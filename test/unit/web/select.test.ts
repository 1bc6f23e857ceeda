import { describe, expect, it } from 'vitest';
import type { CallView } from '../../../src/call/views.ts';
import type { LiveCall } from '../../../src/web/public/data/live.ts';
import {
  isFiltered,
  NO_FILTER,
  select,
  talkNow,
  waitNow,
  type Filter,
  type SortKey,
} from '../../../src/web/public/data/select.ts';
import { call, supervision } from './sample.ts';

const CALLS: readonly CallView[] = [
  call('1', { customer: { number: '+441', name: 'Zoë' }, talkSeconds: 5, startedAt: '2026-01-02T03:00:01.000Z' }),
  call('2', {
    state: 'open',
    customer: { number: '+442', name: 'Bernd' },
    agent: null,
    queue: 'support',
    answeredAt: null,
    waitSeconds: 90,
    talkSeconds: 0,
    startedAt: '2026-01-02T03:00:03.000Z',
  }),
  call('3', {
    held: true,
    customer: { number: '+443', name: '' },
    agent: { id: 'carol', name: 'Carol', team: 'support' },
    supervisions: [supervision('s', '3'), supervision('old', '3', { state: 'ended' })],
    talkSeconds: 300,
    startedAt: '2026-01-02T03:00:02.000Z',
  }),
];
const live = CALLS.map((view): LiveCall => ({ view, at: 1000 }));

const shown = (filter: Partial<Filter>, key: SortKey = 'started', descending = false): string[] =>
  select(live, { ...NO_FILTER, ...filter }, { key, descending }, 1000).map(({ view }) => view.id);

describe('which calls are shown (R-SEE-1)', () => {
  it.each([
    [{ text: 'zoe' }, ['1']],
    [{ text: ' +44 ' }, ['1', '3', '2']],
    [{ text: 'carol' }, ['3']],
    [{ text: 'nobody' }, []],
    [{ state: 'open' }, ['2']],
    [{ state: 'held' }, ['3']],
    [{ state: 'active' }, ['1', '3']],
    [{ queue: 'support' }, ['2']],
    [{ team: 'support' }, ['3']],
    [{ supervised: true }, ['3']],
    [{ supervised: false, state: 'active' }, ['1']],
  ] as [Partial<Filter>, string[]][])('%o: %o', (filter, ids) => {
    expect(shown(filter)).toEqual(ids);
    expect(isFiltered({ ...NO_FILTER, ...filter })).toBe(true);
    expect(isFiltered(NO_FILTER)).toBe(false);
  });

  it.each([
    ['started', ['1', '3', '2'], ['2', '3', '1']],
    ['customer', ['3', '2', '1'], ['1', '2', '3']],
    ['agent', ['2', '1', '3'], ['3', '1', '2']],
    ['queue', ['1', '3', '2'], ['2', '1', '3']],
    ['state', ['2', '1', '3'], ['1', '3', '2']],
    ['wait', ['1', '3', '2'], ['2', '1', '3']],
    ['talk', ['2', '1', '3'], ['3', '1', '2']],
    ['supervised', ['1', '2', '3'], ['3', '1', '2']],
  ] as [SortKey, string[], string[]][])('sorted by %s, the older first where they are equal', (key, up, down) => {
    expect(shown({}, key)).toEqual(up);
    expect(shown({}, key, true)).toEqual(down);
  });

  it('talk and wait run on where they do', () => {
    expect([talkNow(live[0]!, 3500), waitNow(live[0]!, 3500)]).toEqual([7, 3]);
    expect([talkNow(live[1]!, 3500), waitNow(live[1]!, 3500)]).toEqual([0, 92]);
  });
});
