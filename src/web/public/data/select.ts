/** Which calls are shown, and in what order (R-SEE-1). Pure. */
import type { CallState, CallView } from '../../../call/views.ts';
import type { LiveCall } from './live.ts';

export type SortKey = 'state' | 'customer' | 'agent' | 'queue' | 'started' | 'wait' | 'talk' | 'supervised';

export interface Sort {
  readonly key: SortKey;
  readonly descending: boolean;
}

export interface Filter {
  /** Part of a number, a name or an id. */
  readonly text: string;
  readonly state: CallState | 'held' | null;
  readonly queue: string | null;
  readonly team: string | null;
  readonly supervised: boolean | null;
}

export const NO_FILTER: Filter = { text: '', state: null, queue: null, team: null, supervised: null };

export function isFiltered(filter: Filter): boolean {
  return filter.text.trim() !== '' || [filter.state, filter.queue, filter.team, filter.supervised].some((v) => v !== null);
}

/** What needs somebody comes first. */
const STATE_ORDER: readonly CallState[] = ['open', 'waiting', 'ringing', 'active', 'wrap-up', 'closed'];

/** Seconds that the customer has waited by now; `at` and `now` on one clock, ms. */
export function waitNow({ view, at }: LiveCall, now: number): number {
  const running = view.state === 'open' || view.state === 'ringing' || view.state === 'waiting';
  return view.waitSeconds + (running ? elapsed(at, now) : 0);
}

export function talkNow({ view, at }: LiveCall, now: number): number {
  return view.talkSeconds + (view.state === 'active' ? elapsed(at, now) : 0);
}

function elapsed(at: number, now: number): number {
  return Math.max(0, Math.floor((now - at) / 1000));
}

export function openSupervisions(call: CallView): CallView['supervisions'] {
  return call.supervisions.filter((each) => each.state !== 'ended');
}

export function matches(call: CallView, filter: Filter): boolean {
  const { state, queue, team, supervised } = filter;
  if (state === 'held' ? !call.held : state !== null && call.state !== state) return false;
  if (queue !== null && call.queue !== queue) return false;
  if (team !== null && call.agent?.team !== team) return false;
  if (supervised !== null && openSupervisions(call).length > 0 !== supervised) return false;
  const wanted = fold(filter.text);
  if (wanted === '') return true;
  const { customer, agent } = call;
  const names = [customer.name, customer.number, agent?.name, agent?.id, call.queue, call.id];
  return names.some((name) => name !== undefined && name !== null && fold(name).includes(wanted));
}

/** Case and accents do not count. */
function fold(text: string): string {
  return text.trim().normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
}

export function select(calls: Iterable<LiveCall>, filter: Filter, sort: Sort, now: number): LiveCall[] {
  const direction = sort.descending ? -1 : 1;
  return [...calls]
    .filter(({ view }) => matches(view, filter))
    .sort((a, b) => direction * compare(a, b, sort.key, now) || byAge(a.view, b.view));
}

function compare(a: LiveCall, b: LiveCall, key: SortKey, now: number): number {
  switch (key) {
    case 'state':
      return STATE_ORDER.indexOf(a.view.state) - STATE_ORDER.indexOf(b.view.state);
    case 'started':
      return a.view.startedAt < b.view.startedAt ? -1 : a.view.startedAt > b.view.startedAt ? 1 : 0;
    case 'wait':
      return waitNow(a, now) - waitNow(b, now);
    case 'talk':
      return talkNow(a, now) - talkNow(b, now);
    case 'supervised':
      return supervisorOf(a.view).localeCompare(supervisorOf(b.view));
    default:
      return nameOf(a.view, key).localeCompare(nameOf(b.view, key));
  }
}

function nameOf(call: CallView, key: 'customer' | 'agent' | 'queue'): string {
  if (key === 'customer') return call.customer.name === '' ? call.customer.number : call.customer.name;
  return (key === 'agent' ? call.agent?.name : call.queue) ?? '';
}

function supervisorOf(call: CallView): string {
  return openSupervisions(call)[0]?.supervisor.name ?? '';
}

function byAge(a: CallView, b: CallView): number {
  if (a.startedAt !== b.startedAt) return a.startedAt < b.startedAt ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
