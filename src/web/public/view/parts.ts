/** Small pieces that several views use. */
import { html, nothing, type TemplateResult } from 'lit-html';
import type { AgentState, CallView, SupervisionView } from '../../../call/views.ts';
import { openSupervisions } from '../data/select.ts';
import { state } from '../state.ts';
import { t, type Key } from '../text/index.ts';
import { icon, type IconName } from './icons.ts';

export type Content = TemplateResult | string | typeof nothing;

/** A state as a coloured mark and a word: colour is never all there is. */
export function callState(call: CallView): TemplateResult {
  const shown = call.held && call.state === 'active' ? 'held' : call.state;
  return html`<span class="pill ${shown}"><span class="dot"></span>${t(`call.state.${shown}`)}</span>`;
}

export function agentState(value: AgentState): TemplateResult {
  return html`<span class="pill ${value}"><span class="dot"></span>${t(`agent.state.${value}`)}</span>`;
}

export function customerName(call: CallView): string {
  const { name, number } = call.customer;
  if (name !== '') return name;
  return number === '' ? t('call.unknown') : number;
}

/** `Alice Miller`: AM; `Alice`: AL; `+44…`: 44. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = (word: string | undefined, count: number): string =>
    Array.from(word ?? '?')
      .slice(0, count)
      .join('');
  const text = words.length > 1 ? letters(words[0], 1) + letters(words.at(-1), 1) : letters(words[0], 2);
  return text.toUpperCase();
}

export interface ButtonOptions {
  readonly label: string;
  readonly icon?: IconName;
  readonly kind?: 'primary' | 'danger' | 'quiet' | 'plain';
  /** Why it cannot be used now; it stays reachable and says so. */
  readonly whyNot?: string | null;
  /** Name of the request that it starts. */
  readonly busy?: string;
  /** Only the icon is shown. */
  readonly bare?: boolean;
  /** Says more than the label does. */
  readonly title?: string;
  readonly pressed?: boolean;
  readonly onClick: () => void;
}

/**
 * A button. One that cannot be used is `aria-disabled` and not `disabled`: it can still be reached by keyboard, and its
 * reason is read out and shown.
 */
export function button(options: ButtonOptions): TemplateResult {
  const { label, whyNot = null, kind = 'plain', bare = false, pressed } = options;
  const busy = options.busy !== undefined && state.busy.has(options.busy);
  const click = (event: Event): void => {
    event.stopPropagation();
    if (whyNot === null && !busy) options.onClick();
  };
  return html`<button
    type="button"
    class="button ${kind} ${bare ? 'bare' : ''} ${busy ? 'busy' : ''}"
    aria-disabled=${whyNot === null ? nothing : 'true'}
    aria-busy=${busy ? 'true' : nothing}
    aria-pressed=${pressed === undefined ? nothing : pressed ? 'true' : 'false'}
    title=${whyNot ?? options.title ?? (bare ? label : nothing)}
    @click=${click}
  >
    ${options.icon === undefined ? nothing : icon(options.icon)}<span class=${bare ? 'hidden' : ''}>${label}</span
    >${whyNot === null ? nothing : html`<span class="hidden">: ${whyNot}</span>`}
  </button>`;
}

export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
}

export function select<T extends string>(options: {
  readonly label: string;
  readonly value: T | '';
  readonly choices: readonly Choice<T | ''>[];
  readonly hideLabel?: boolean;
  readonly onChange: (value: T | '') => void;
}): TemplateResult {
  const { label, value, choices, hideLabel = false } = options;
  return html`<label class="field"
    ><span class=${hideLabel ? 'hidden' : 'name'}>${label}</span
    ><span class="select"
      ><select @change=${(event: Event) => options.onChange((event.target as HTMLSelectElement).value as T | '')}>
        ${choices.map((choice) => html`<option value=${choice.value} ?selected=${choice.value === value}>${choice.label}</option>`)}</select
      >${icon('chevron')}</span
    ></label
  >`;
}

/** An empty place that says what to do. */
export function empty(name: IconName, title: string, ...lines: readonly Content[]): TemplateResult {
  return html`<div class="empty">
    <span class="badge">${icon(name)}</span>
    <p class="title">${title}</p>
    ${lines.map((line) => html`<div class="line">${line}</div>`)}
  </div>`;
}

/** Grey bars in place of rows that are being loaded. */
export function skeleton(rows: number): TemplateResult {
  return html`<div class="skeleton" role="status" aria-label=${t('app.loading')}>
    ${Array.from({ length: rows }, () => html`<div class="bar"><span></span><span></span><span></span></div>`)}
  </div>`;
}

/** What a supervision is doing, as a word after a name. */
export function doing(supervision: SupervisionView): string {
  if (supervision.state === 'ringing') return t('call.state.ringing').toLowerCase();
  if (supervision.state === 'held') return t('who.held');
  const mode = t(`mode.now.${supervision.mode}` satisfies Key);
  return supervision.paused ? `${mode}, ${t('mode.paused')}` : mode;
}

export function supervisedBy(call: CallView): TemplateResult | typeof nothing {
  const open = openSupervisions(call);
  if (open.length === 0) return nothing;
  return html`${open.map(
    (each) =>
      html`<span class="tag ${each.mode}"
        >${icon(MODE_ICONS[each.mode])}<span
          >${each.supervisor.id === state.me?.id ? t('who.you') : each.supervisor.name}<small
            >${doing(each)}</small
          ></span
        ></span
      >`,
  )}`;
}

export const MODE_ICONS = { listen: 'ear', whisper: 'whisper', barge: 'barge' } as const;
