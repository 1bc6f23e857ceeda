/** What has happened in a call, newest first (R-SEE-3). */
import { html, type TemplateResult } from 'lit-html';
import type { CallState, CallView, Mode } from '../../../call/views.ts';
import type { TimelineEntry } from '../data/api.ts';
import { queueName, state, userName } from '../state.ts';
import { clockTime, keyOf, t } from '../text/index.ts';

export function timeline(call: CallView): TemplateResult {
  const entries = state.timeline?.callId === call.id ? state.timeline.entries : [];
  return html`<section>
    <h3>${t('pane.timeline')}</h3>
    ${
      entries.length === 0
        ? html`<p class="faint">${t('pane.timeline.empty')}</p>`
        : html`<ol class="timeline" reversed>
            ${entries
              .toReversed()
              .map(
                (entry) =>
                  html`<li class=${entry.type.split('.')[0] ?? ''}>
                    <time class="time" datetime=${entry.at}>${clockTime(entry.at)}</time
                    ><span>${textOf(entry, call)}</span>
                  </li>`,
              )}
          </ol>`
    }
  </section>`;
}

function textOf(entry: TimelineEntry, call: CallView): string {
  const key = keyOf(`time.${entry.type}`);
  if (key === null) return entry.type;
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(entry.data)) {
    if (typeof value === 'string' || typeof value === 'number') values[name] = word(entry.type, name, String(value));
  }
  const participant = call.participants.find((p) => p.id === entry.data['participant']);
  if (participant !== undefined) values['role'] ??= t(`who.${participant.role}`);
  values['by'] = userName(entry.by) ?? participant?.name ?? values['role'] ?? '';
  return t(key, values);
}

/** Values that have a text of their own. */
function word(type: string, name: string, value: string): string {
  if (name === 'role') return t(keyOf(`who.${value}`) ?? 'who.agent');
  if (name === 'queue') return queueName(value) ?? value;
  if (type === 'call.state' && name === 'to')
    return t(keyOf(`call.state.${value}`) ?? `call.state.${'open' satisfies CallState}`);
  if (type.startsWith('supervision.') && (name === 'mode' || name === 'to')) {
    return t(keyOf(`mode.${value}`) ?? `mode.${'listen' satisfies Mode}`);
  }
  return name === 'to' ? (userName(value) ?? value) : value;
}
