/** The queues of one's teams: who waits, how long, who is free. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { QueueView } from '../../../call/views.ts';
import { now, state } from '../state.ts';
import { duration, t } from '../text/index.ts';
import { icon } from './icons.ts';
import { empty, skeleton } from './parts.ts';

export function queuesView(): TemplateResult {
  return html`<section class="list narrow" aria-labelledby="queues-title">
    <div class="heading"><h1 id="queues-title">${t('queues.title')}</h1></div>
    ${content()}
  </section>`;
}

function content(): TemplateResult {
  if (!state.live.loaded) return html`<div class="card">${skeleton(3)}</div>`;
  const queues = [...state.live.queues.values()];
  if (queues.length === 0)
    return html`<div class="card">${empty('queue', t('queues.empty'), t('queues.empty.detail'))}</div>`;
  return html`<ul class="queues">
    ${repeat(queues, ({ view }) => view.id, card)}
  </ul>`;
}

function card({ view, at }: { view: QueueView; at: number }): TemplateResult {
  const longest = view.longestWaitSeconds + (view.waiting > 0 ? (now() - at) / 1000 : 0);
  const attention = view.waiting > 0 && view.availableAgents === 0;
  return html`<li class="card queue ${attention ? 'attention' : ''}">
    <h2>${view.name}</h2>
    <p class="faint">${t('queues.col.numbers')}: <span class="time">${view.numbers.join(', ') || '–'}</span></p>
    <dl class="figures">
      <div>
        <dt>${t('queues.col.waiting')}</dt>
        <dd class="time">${view.waiting}</dd>
      </div>
      <div>
        <dt>${t('queues.col.longest')}</dt>
        <dd class="time">${view.waiting === 0 ? '–' : duration(longest)}</dd>
      </div>
      <div>
        <dt>${t('queues.col.free')}</dt>
        <dd class="time">${view.availableAgents}</dd>
      </div>
    </dl>
    ${attention ? html`<p class="notice warn">${icon('warning')}<span>${t('queues.attention')}</span></p>` : nothing}
  </li>`;
}
