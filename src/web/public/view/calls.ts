/** The live calls (R-SEE-1): figures, filters, the list, and beside it the selected call. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { guard } from 'lit-html/directives/guard.js';
import { repeat } from 'lit-html/directives/repeat.js';
import type { CallState } from '../../../call/views.ts';
import { go, listen } from '../commands.ts';
import type { LiveCall } from '../data/live.ts';
import {
  isFiltered,
  NO_FILTER,
  openSupervisions,
  select as selectCalls,
  talkNow,
  waitNow,
  type Filter,
  type SortKey,
} from '../data/select.ts';
import { actionOf, changed, mySupervision, now, queueName, state, whyNot } from '../state.ts';
import { clockTime, duration, t, type Key } from '../text/index.ts';
import { icon } from './icons.ts';
import { paneView } from './pane.ts';
import { button, callState, customerName, empty, select, skeleton, supervisedBy } from './parts.ts';

/** Rows that are drawn at first, and with each wish for more: a browser lays out thousands slowly. */
const ROWS = 200;

export function callsView(): TemplateResult {
  return html`<div class="split ${state.selected === null ? '' : 'chosen'}">
    <section class="list" aria-labelledby="calls-title">
      <h1 id="calls-title" class="hidden">${t('calls.title')}</h1>
      ${guard([state.version], () => html`${tiles()} ${filters()} ${list()}`)}
    </section>
    ${paneView()}
  </div>`;
}

function tiles(): TemplateResult {
  const at = now();
  const calls = [...state.live.calls.values()];
  const waiting = calls.filter(({ view }) => view.state === 'open' || view.state === 'waiting');
  const longest = Math.max(0, ...waiting.map((call) => waitNow(call, at)));
  const free = [...state.live.agents.values()].filter((agent) => agent.state === 'available').length;
  const supervised = calls.filter(({ view }) => openSupervisions(view).length > 0).length;
  const tile = (key: Key, value: string | number, attention = false): TemplateResult =>
    html`<div class="tile ${attention ? 'attention' : ''}">
      <dt>${t(key)}</dt>
      <dd>${state.live.loaded ? value : '–'}</dd>
    </div>`;
  return html`<dl class="tiles">
    ${tile('tile.live', calls.length)} ${tile('tile.waiting', waiting.length, waiting.length > 0)}
    ${tile('tile.longest', waiting.length === 0 ? '–' : duration(longest), longest >= 60)}
    ${tile('tile.free', free, free === 0 && waiting.length > 0)} ${tile('tile.supervised', supervised)}
  </dl>`;
}

const STATES: readonly (CallState | 'held')[] = ['open', 'ringing', 'active', 'held', 'waiting', 'wrap-up'];

function setFilter(change: Partial<Filter>): void {
  state.filter = { ...state.filter, ...change };
  changed();
}

function filters(): TemplateResult {
  const { filter } = state;
  const all = { value: '' as const, label: t('calls.filter.all') };
  const queues = [...state.live.queues.values()].map(({ view }) => ({ value: view.id, label: view.name }));
  const teams = [...new Set([...state.live.agents.values()].flatMap((agent) => agent.team ?? []))].sort();
  return html`<div class="filters" role="search">
    <label class="search"
      >${icon('search')}<span class="hidden">${t('calls.search')}</span
      ><input
        type="search"
        .value=${filter.text}
        placeholder=${t('calls.search')}
        @input=${(event: Event) => setFilter({ text: (event.target as HTMLInputElement).value })}
    /></label>
    ${select<CallState | 'held'>({
      label: t('calls.filter.state'),
      value: filter.state ?? '',
      choices: [all, ...STATES.map((value) => ({ value, label: t(`call.state.${value}`) }))],
      onChange: (value) => setFilter({ state: value === '' ? null : value }),
    })}
    ${select({
      label: t('calls.filter.queue'),
      value: filter.queue ?? '',
      choices: [all, ...queues],
      onChange: (value) => setFilter({ queue: value === '' ? null : value }),
    })}
    ${
      teams.length < 2
        ? nothing
        : select({
            label: t('calls.filter.team'),
            value: filter.team ?? '',
            choices: [all, ...teams.map((value) => ({ value, label: value }))],
            onChange: (value) => setFilter({ team: value === '' ? null : value }),
          })
    }
    ${select<'yes' | 'no'>({
      label: t('calls.filter.supervised'),
      value: filter.supervised === null ? '' : filter.supervised ? 'yes' : 'no',
      choices: [all, { value: 'yes', label: t('calls.filter.yes') }, { value: 'no', label: t('calls.filter.no') }],
      onChange: (value) => setFilter({ supervised: value === '' ? null : value === 'yes' }),
    })}
    ${
      isFiltered(filter)
        ? button({ label: t('calls.filter.clear'), kind: 'quiet', onClick: () => setFilter(NO_FILTER) })
        : nothing
    }
  </div>`;
}

function list(): TemplateResult {
  const total = state.live.calls.size;
  if (!state.live.loaded) return html`<div class="card">${skeleton(6)}</div>`;
  if (total === 0) return html`<div class="card">${nothingGoesOn()}</div>`;
  const own = mySupervision()?.call.id ?? null;
  const shown = selectCalls(state.live.calls.values(), state.filter, state.sort, now());
  if (shown.length === 0) {
    return html`<div class="card">
      ${empty(
        'search',
        t('calls.none'),
        t('calls.none.detail', { total }),
        button({ label: t('calls.filter.clear'), onClick: () => setFilter(NO_FILTER) }),
      )}
    </div>`;
  }
  const count =
    shown.length < total
      ? t('calls.count', { shown: shown.length, total })
      : total === 1
        ? t('calls.count.one')
        : t('calls.count.all', { total });
  return html`<div class="card">
    <table class="grid calls">
      <caption class="hidden">
        ${t('calls.title')}
      </caption>
      <thead>
        <tr>
          ${COLUMNS.map(columnHead)}
          <th scope="col" class="actions"><span class="hidden">${t('col.actions')}</span></th>
        </tr>
      </thead>
      <tbody>
        ${repeat(
          shown.slice(0, state.rows),
          ({ view }) => view.id,
          (call) => row(call, own),
        )}
      </tbody>
    </table>
    <p class="count">
      <span role="status">${count}</span>
      ${
        shown.length <= state.rows
          ? nothing
          : button({
              label: t('calls.more', { count: shown.length - state.rows }),
              onClick: () => {
                state.rows += ROWS;
                changed();
              },
            })
      }
    </p>
  </div>`;
}

function nothingGoesOn(): TemplateResult {
  const numbers = [...state.live.queues.values()].flatMap(({ view }) => view.numbers);
  return empty(
    'calls',
    t('calls.empty'),
    t('calls.empty.detail'),
    numbers.length === 0 ? nothing : t('calls.empty.try', { numbers: numbers.join(', ') }),
  );
}

const COLUMNS: readonly SortKey[] = ['state', 'customer', 'agent', 'queue', 'started', 'wait', 'talk', 'supervised'];

function columnHead(key: SortKey): TemplateResult {
  const { sort } = state;
  const active = sort.key === key;
  const column = t(`col.${key}`);
  return html`<th
    scope="col"
    class=${key}
    aria-sort=${active ? (sort.descending ? 'descending' : 'ascending') : nothing}
  >
    <button
      type="button"
      class="sort ${active ? 'active' : ''}"
      title=${t('col.sort', { column })}
      @click=${() => {
        state.sort = { key, descending: active ? !sort.descending : false };
        changed();
      }}
    >
      ${column}${icon(active && sort.descending ? 'down' : 'up')}
    </button>
  </th>`;
}

/** `own`: id of the call that I supervise. */
function row(call: LiveCall, own: string | null): TemplateResult {
  const { view } = call;
  const at = now();
  const chosen = state.selected === view.id;
  const name = customerName(view);
  return html`<tr class=${chosen ? 'chosen' : ''} @click=${() => go('calls', view.id)}>
    <td class="state">${callState(view)}</td>
    <td class="customer">
      <a href="#/calls/${encodeURIComponent(view.id)}" aria-current=${chosen ? 'true' : nothing}
        ><span class="hidden">${t('calls.open', { customer: '' })}</span>${name}</a
      >
      <small title=${t(`call.direction.${view.direction}`)}
        >${icon(view.direction)}<span class="hidden">${t(`call.direction.${view.direction}`)}</span
        >${view.customer.number === name ? t(`call.direction.${view.direction}`) : view.customer.number}</small
      >
    </td>
    <td class="agent">
      ${view.agent === null ? html`<span class="faint">${t('call.noAgent')}</span>` : html`${view.agent.name}<small>${view.agent.team}</small>`}
    </td>
    <td class="queue">${queueName(view.queue) ?? html`<span class="faint">–</span>`}</td>
    <td class="started time">${clockTime(view.startedAt)}</td>
    <td class="wait time">${duration(waitNow(call, at))}</td>
    <td class="talk time">
      ${view.answeredAt === null ? html`<span class="faint">–</span>` : duration(talkNow(call, at))}
    </td>
    <td class="supervised">${supervisedBy(view)}</td>
    <td class="actions">${listenButton(call, own)}</td>
  </tr>`;
}

function listenButton({ view }: LiveCall, own: string | null): TemplateResult | typeof nothing {
  if (own === view.id) {
    return button({ label: t('sup.show'), icon: 'ear', onClick: () => go('calls', view.id) });
  }
  const action = actionOf(view, 'listen');
  if (action === null) return nothing;
  return button({
    label: t('mode.listen'),
    icon: 'ear',
    kind: 'primary',
    whyNot: whyNot(action, view),
    busy: `supervise ${view.id}`,
    onClick: () => void listen(view.id),
  });
}
