/** Everybody in the call, with codec, state and level. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { CallView, ParticipantView } from '../../../call/views.ts';
import { offers, state } from '../state.ts';
import { t } from '../text/index.ts';
import { isTalking, nameOf, present, roleText } from './diagram.ts';

/** dBov that a meter shows as empty; 0 dBov is full. */
const FLOOR = -60;
const SEGMENTS = 16;

export function parties(call: CallView): TemplateResult {
  return html`<ul class="parties">
    ${repeat(present(call), (p) => p.id, party)}
  </ul>`;
}

function party(p: ParticipantView): TemplateResult {
  return html`<li>
    <span class="who"
      ><strong>${nameOf(p)}</strong><small>${roleText(p)}${p.codec === null ? '' : ` · ${p.codec}`}</small></span
    >
    ${offers('GET /calls/{id}/levels') && p.state !== 'ringing' ? meter(p) : nothing}
    <small class="state"
      >${p.state === 'connected' ? (state.levels === null ? '' : t(isTalking(p.id) ? 'level.talking' : 'level.quiet')) : t(p.state === 'ringing' ? 'who.ringing' : 'who.held')}</small
    >
  </li>`;
}

/** Lit segments; the value itself is not read out, it would never end. */
function meter(p: ParticipantView): TemplateResult {
  const level = state.levels?.get(p.id) ?? FLOOR;
  const lit = Math.round(Math.max(0, Math.min(1, 1 - level / FLOOR)) * SEGMENTS);
  return html`<span class="meter" role="img" aria-label=${t('level.of', { name: nameOf(p) })}
    >${Array.from({ length: SEGMENTS }, (_, i) => html`<i class="${i < lit ? 'lit' : ''} ${i >= SEGMENTS - 3 ? 'high' : ''}"></i>`)}</span
  >`;
}
