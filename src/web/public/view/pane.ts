/** The selected call: who it is, what may be done, who hears whom, what has happened. */
import { html, nothing, type TemplateResult } from 'lit-html';
import type { Action, CallView } from '../../../call/views.ts';
import { copy, go } from '../commands.ts';
import { talkNow, waitNow } from '../data/select.ts';
import { actionOf, changed, now, offers, queueName, selectedCall, state, whyNot } from '../state.ts';
import { clockTime, duration, t } from '../text/index.ts';
import { diagram } from './diagram.ts';
import { icon, type IconName } from './icons.ts';
import { button, callState, customerName, empty, initials } from './parts.ts';
import { parties } from './parties.ts';
import { supervisionControls } from './supervision.ts';
import { timeline } from './timeline.ts';

export function paneView(): TemplateResult {
  if (state.selected === null) {
    return html`<aside class="pane none" aria-label=${t('pane.label')}>
      ${empty('ear', t('pane.empty'), t('pane.empty.detail'))}
    </aside>`;
  }
  const live = selectedCall();
  const call = live ?? state.lastSeen;
  return html`<aside class="pane" aria-label=${t('pane.label')}>
    <div class="bar">
      ${button({ label: t('pane.back'), icon: 'back', kind: 'quiet', onClick: () => go('calls') })}
      <span class="spacer"></span>
      ${button({ label: t('pane.close'), icon: 'close', kind: 'quiet', bare: true, onClick: () => go('calls') })}
    </div>
    ${call === null ? absent() : content(call, live !== null)}
  </aside>`;
}

function absent(): TemplateResult {
  if (!state.live.loaded) return html`<div class="body" aria-busy="true"></div>`;
  return html`<div class="body">${empty('info', t('pane.gone'))}</div>`;
}

function content(call: CallView, live: boolean): TemplateResult {
  return html`<div class="body">
    <header class="caller">
      <span class="avatar large" aria-hidden="true">${initials(customerName(call))}</span>
      <div>
        <h2>${customerName(call)}</h2>
        <p>
          ${call.customer.number === customerName(call) ? nothing : html`<span class="time">${call.customer.number}</span>`}
          ${live ? callState(call) : html`<span class="pill closed"><span class="dot"></span>${t('call.state.closed')}</span>`}
        </p>
      </div>
    </header>
    ${live ? nothing : html`<p class="notice" role="status">${icon('info')}<span>${t('pane.ended')}</span></p>`}
    ${figures(call, live)} ${live ? supervisionControls(call) : nothing}
    ${
      live
        ? html`<section>
            <h3>${t('pane.hears')}</h3>
            ${diagram(call)} ${parties(call)}
          </section>`
        : nothing
    }
    ${live ? interventions(call) : nothing} ${facts(call)} ${timeline(call)}
  </div>`;
}

function figures(call: CallView, live: boolean): TemplateResult {
  const at = now();
  const known = { view: call, at: state.live.calls.get(call.id)?.at ?? at };
  const talk = live ? talkNow(known, at) : call.talkSeconds;
  const wait = live ? waitNow(known, at) : call.waitSeconds;
  return html`<dl class="figures">
    <div>
      <dt>${t('col.talk')}</dt>
      <dd class="time">${call.answeredAt === null ? '–' : duration(talk)}</dd>
    </div>
    <div>
      <dt>${t('col.wait')}</dt>
      <dd class="time">${duration(wait)}</dd>
    </div>
    <div>
      <dt>${t('col.agent')}</dt>
      <dd>${call.agent?.name ?? '–'}</dd>
    </div>
  </dl>`;
}

interface Intervention {
  readonly action: Action;
  readonly icon: IconName;
  readonly operation: string;
  readonly kind: 'plain' | 'danger';
}

const INTERVENTIONS: readonly Intervention[] = [
  { action: 'takeover', icon: 'takeover', operation: 'POST /calls/{id}/takeover', kind: 'plain' },
  { action: 'transfer', icon: 'transfer', operation: 'POST /calls/{id}/transfer', kind: 'plain' },
  { action: 'assign', icon: 'assign', operation: 'POST /calls/{id}/assign', kind: 'plain' },
  { action: 'end', icon: 'hangup', operation: 'POST /calls/{id}/end', kind: 'danger' },
];

/** Only what the server offers; of that, what is not possible now says why. */
function interventions(call: CallView): TemplateResult | typeof nothing {
  const shown = INTERVENTIONS.flatMap((each) => {
    const action = actionOf(call, each.action);
    return action === null || !offers(each.operation) ? [] : [{ ...each, why: whyNot(action, call) }];
  });
  if (shown.length === 0) return nothing;
  const reasons = new Map<string, string[]>();
  for (const { action, why } of shown) {
    if (why !== null) reasons.set(why, [...(reasons.get(why) ?? []), labelOf(action)]);
  }
  return html`<section>
    <h3>${t('pane.interventions')}</h3>
    <div class="buttons halves">
      ${shown.map(({ action, icon: name, kind, why }) =>
        button({
          label: t(`act.${action as 'takeover' | 'transfer' | 'assign' | 'end'}`),
          icon: name,
          kind,
          whyNot: why,
          busy: `${action} ${call.id}`,
          onClick: () => {
            state.dialog =
              action === 'transfer' || action === 'assign'
                ? { kind: 'destination', action, callId: call.id }
                : { kind: 'confirm', action: action === 'end' ? 'end' : 'takeover', callId: call.id };
            changed();
          },
        }),
      )}
    </div>
    ${
      reasons.size === 0
        ? nothing
        : html`<ul class="reasons" aria-label=${t('pane.whynot')}>
            ${[...reasons].map(([why, labels]) => html`<li><strong>${labels.join(', ')}:</strong> ${why}</li>`)}
          </ul>`
    }
  </section>`;
}

function labelOf(action: Action): string {
  return t(`act.${action as 'takeover' | 'transfer' | 'assign' | 'end'}`).replace(/ …$/, '');
}

function facts(call: CallView): TemplateResult {
  const fact = (label: string, value: TemplateResult | string | null): TemplateResult | typeof nothing =>
    value === null
      ? nothing
      : html`<div>
          <dt>${label}</dt>
          <dd>${value}</dd>
        </div>`;
  return html`<section>
    <h3>${t('pane.facts')}</h3>
    <dl class="facts">
      ${fact(t('col.queue'), queueName(call.queue))} ${fact(t('pane.team'), call.agent?.team ?? null)}
      ${fact(t('pane.direction'), t(`call.direction.${call.direction}`))}
      ${fact(t('col.started'), html`<span class="time">${clockTime(call.startedAt)}</span>`)}
      ${fact(
        t('pane.answered'),
        call.answeredAt === null ? null : html`<span class="time">${clockTime(call.answeredAt)}</span>`,
      )}
      ${fact(t('pane.sentiment'), call.sentiment === null ? null : sentiment(call.sentiment))}
      ${fact(
        t('pane.id'),
        html`<code title=${call.id}>${call.id.slice(0, 8)}</code>${button({
            label: `${t('pane.copy')}: ${t('pane.id')}`,
            icon: 'copy',
            kind: 'quiet',
            bare: true,
            onClick: () => void copy(call.id),
          })}`,
      )}
    </dl>
  </section>`;
}

function sentiment(value: number): string {
  const word = value > 0.25 ? 'good' : value < -0.25 ? 'bad' : 'neutral';
  return `${t(`pane.sentiment.${word}`)} (${value > 0 ? '+' : ''}${value.toFixed(2)})`;
}
