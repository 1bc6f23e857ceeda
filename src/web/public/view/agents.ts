/** The people of one's teams: state, call, phone. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { UserView } from '../../../call/views.ts';
import { changed, state } from '../state.ts';
import { duration, t } from '../text/index.ts';
import { icon } from './icons.ts';
import { stateChoice } from './menu.ts';
import { agentState, customerName, empty, initials, skeleton } from './parts.ts';

export function agentsView(): TemplateResult {
  return html`<section class="list narrow" aria-labelledby="agents-title">
    <div class="heading">
      <h1 id="agents-title">${t('agents.title')}</h1>
      <label class="search"
        >${icon('search')}<span class="hidden">${t('agents.search')}</span
        ><input
          type="search"
          .value=${state.agentSearch}
          placeholder=${t('agents.search')}
          @input=${(event: Event) => {
            state.agentSearch = (event.target as HTMLInputElement).value;
            changed();
          }}
      /></label>
    </div>
    ${table(t('agents.title'), [...state.live.agents.values()])}
    ${
      state.live.supervisors.size === 0
        ? nothing
        : html`<h2>${t('agents.supervisors')}</h2>
            ${table(t('agents.supervisors'), [...state.live.supervisors.values()])}`
    }
  </section>`;
}

function fits(user: UserView): boolean {
  const wanted = state.agentSearch.trim().toLowerCase();
  return wanted === '' || [user.name, user.id, user.extension].some((text) => text.toLowerCase().includes(wanted));
}

function table(title: string, people: readonly UserView[]): TemplateResult {
  if (!state.live.loaded) return html`<div class="card">${skeleton(4)}</div>`;
  if (people.length === 0)
    return html`<div class="card">${empty('users', t('agents.empty'), t('agents.empty.detail'))}</div>`;
  const shown = people.filter(fits).sort((a, b) => a.name.localeCompare(b.name));
  if (shown.length === 0) return html`<div class="card">${empty('search', t('agents.none'))}</div>`;
  const columns = ['name', 'extension', 'team', 'state', 'since', 'call', 'phone', 'set'] as const;
  return html`<div class="card">
    <table class="grid people">
      <caption class="hidden">
        ${title}
      </caption>
      <thead>
        <tr>
          ${columns.map((key) => html`<th scope="col" class=${key}>${t(`agents.col.${key}`)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${repeat(shown, ({ id }) => id, row)}
      </tbody>
    </table>
  </div>`;
}

function row(user: UserView): TemplateResult {
  const phones = user.contacts.map((each) => each.userAgent ?? each.transport.toUpperCase());
  const seconds = (Date.now() - Date.parse(user.stateSince)) / 1000;
  return html`<tr>
    <td class="name"><span class="avatar small" aria-hidden="true">${initials(user.name)}</span>${user.name}</td>
    <td class="extension time">${user.extension}</td>
    <td class="team">${user.team ?? user.teams.join(', ')}</td>
    <td class="state">
      ${agentState(user.state)}${user.stateReason === null ? nothing : html`<small>${user.stateReason}</small>`}
    </td>
    <td class="since time">${duration(seconds)}</td>
    <td class="call">${user.calls.map(callLink)}</td>
    <td class="phone">
      ${phones.length === 0 ? html`<span class="faint">${t('agents.nophone')}</span>` : html`<span title=${phones.join(', ')}>${phones.join(', ')}</span>`}
    </td>
    <td class="set">${maySet(user) ? stateChoice(user.id, user.name, user.state) : nothing}</td>
  </tr>`;
}

/** One's own, those of agents, and as an admin everybody's. */
function maySet(user: UserView): boolean {
  return user.role === 'agent' || user.id === state.me?.id || state.me?.role === 'admin';
}

function callLink(id: string): TemplateResult | typeof nothing {
  const call = state.live.calls.get(id)?.view;
  if (call === undefined) return nothing;
  return html`<a href="#/calls/${encodeURIComponent(id)}">${customerName(call)}</a> `;
}
