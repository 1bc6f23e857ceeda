/** Starting, switching, pausing and stopping a supervision. */
import { html, nothing, type TemplateResult } from 'lit-html';
import type { CallView, Mode, SupervisionView } from '../../../call/views.ts';
import { changeSupervision, choosePhone, stopSupervision, supervise } from '../commands.ts';
import { openSupervisions } from '../data/select.ts';
import { actionOf, changed, deskPhones, offers, phoneChoice, state, whyNot } from '../state.ts';
import { duration, t } from '../text/index.ts';
import { icon } from './icons.ts';
import { button, doing, MODE_ICONS } from './parts.ts';
import { phoneProblem } from './phone.ts';

const MODES: readonly Mode[] = ['listen', 'whisper', 'barge'];

export function supervisionControls(call: CallView): TemplateResult | typeof nothing {
  const open = openSupervisions(call);
  const own = open.find((each) => each.supervisor.id === state.me?.id);
  const others = open.filter((each) => each !== own);
  if (actionOf(call, 'listen') === null && own === undefined) return nothing;
  return html`<section class="supervise">
    <h3>${t('pane.supervision')}</h3>
    ${others.map(
      (each) =>
        html`<p class="notice">
          ${icon(MODE_ICONS[each.mode])}<span
            >${t('sup.other', { name: each.supervisor.name, mode: doing(each) })}</span
          >
        </p>`,
    )}
    ${own === undefined ? start(call) : control(call, own)}
  </section>`;
}

function modeButton(
  call: CallView,
  mode: Mode,
  options: { pressed?: boolean; busy: string; onClick: () => void },
  hint = true,
): TemplateResult {
  const action = actionOf(call, mode);
  const why = action === null || options.pressed === true ? null : whyNot(action, call);
  return html`<div class="mode ${mode}">
    ${button({
      label: t(`mode.${mode}`),
      icon: MODE_ICONS[mode],
      kind: options.pressed === undefined ? 'primary' : 'plain',
      whyNot: why,
      ...options,
    })}
    ${hint ? html`<small>${why ?? t(`mode.${mode}.hint`)}</small>` : nothing}
  </div>`;
}

function start(call: CallView): TemplateResult {
  const shown = MODES.filter((mode) => actionOf(call, mode) !== null);
  const reasons = new Set(shown.map((mode) => whyNot(actionOf(call, mode)!, call)));
  /** One reason for all is said once. */
  const shared = reasons.size === 1 ? [...reasons][0]! : null;
  const busy = `supervise ${call.id}`;
  return html`${phonePicker()}
    <div class="modes">
      ${shown.map((mode) =>
        modeButton(call, mode, { busy, onClick: () => void supervise(call.id, mode) }, shared === null),
      )}
    </div>
    ${shared === null ? nothing : html`<p class="hint">${shared}</p>`} ${targetPicker(call)}`;
}

/** R-START-3: which phone is rung. */
function phonePicker(): TemplateResult {
  const other = state.otherPhone !== null;
  const choice = other ? 'other' : phoneChoice();
  const desk = deskPhones()[0];
  const pick = (label: string, pressed: boolean, onClick: () => void): TemplateResult =>
    html`<button type="button" aria-pressed=${pressed ? 'true' : 'false'} @click=${onClick}>${label}</button>`;
  return html`<div class="with">
    <span class="name" id="with-label">${t('sup.on')}</span>
    <div class="segments" role="group" aria-labelledby="with-label">
      ${pick(t('sup.on.browser'), choice === 'browser', () => choosePhone('browser'))}
      ${pick(t('sup.on.desk'), choice === 'desk', () => choosePhone('desk'))}
      ${pick(t('sup.on.other'), other, () => {
        state.otherPhone = '';
        changed();
      })}
    </div>
    ${
      other
        ? html`<label class="field"
            ><span class="name">${t('sup.on.number')}</span
            ><input
              inputmode="tel"
              maxlength="64"
              .value=${state.otherPhone ?? ''}
              @input=${(event: Event) => {
                state.otherPhone = (event.target as HTMLInputElement).value;
                changed();
              }}
          /></label>`
        : choice === 'desk'
          ? html`<small
              >${desk === undefined ? t('agents.nophone') : (desk.userAgent ?? desk.transport.toUpperCase())}</small
            >`
          : phoneProblem()
    }
  </div>`;
}

/** R-HEAR-6: whom the supervision follows when the call changes. Whispering follows agents only. */
function targetPicker(call: CallView): TemplateResult | typeof nothing {
  if (call.agent === null) return nothing;
  const pick = (target: 'agent' | 'customer'): TemplateResult =>
    html`<button
      type="button"
      aria-pressed=${state.target === target ? 'true' : 'false'}
      @click=${() => {
        state.target = target;
        changed();
      }}
    >
      ${t(`sup.target.${target}`)}
    </button>`;
  return html`<div class="with">
    <span class="name" id="target-label">${t('sup.target')}</span>
    <div class="segments" role="group" aria-labelledby="target-label">${pick('agent')}${pick('customer')}</div>
  </div>`;
}

function control(call: CallView, own: SupervisionView): TemplateResult {
  const ringing = own.state === 'ringing';
  const busy = `supervision ${own.id}`;
  return html`<div class="control ${own.mode} ${own.state} ${own.paused ? 'paused' : ''}">
    <p class="now" role="status">
      ${icon(MODE_ICONS[own.mode])}<span
        ><strong>${ringing ? ringingText() : t('sup.you', { mode: doing(own) })}</strong> ${
          ringing || own.answeredAt === null
            ? nothing
            : html`<small class="time" aria-live="off">${t('sup.since', { time: since(own.answeredAt) })}</small>`
        }</span
      >
    </p>
    ${own.paused ? html`<p class="hint">${t('sup.paused')}</p>` : nothing}
    ${own.state === 'held' ? html`<p class="hint">${t('sup.held')}</p>` : nothing}
    ${
      ringing
        ? nothing
        : html`<div class="modes" role="group" aria-label=${t('sup.mode')}>
            ${MODES.map((mode) =>
              actionOf(call, mode) === null
                ? nothing
                : modeButton(call, mode, {
                    pressed: own.mode === mode,
                    busy,
                    onClick: () => {
                      if (own.mode !== mode) void changeSupervision(own.id, { mode });
                    },
                  }),
            )}
          </div>`
    }
    <div class="buttons">
      ${
        ringing || !offers('PATCH /supervisions/{id}')
          ? nothing
          : button({
              label: t(own.paused ? 'sup.resume' : 'sup.pause'),
              icon: own.paused ? 'play' : 'pause',
              busy,
              onClick: () => void changeSupervision(own.id, { paused: !own.paused }),
            })
      }
      ${button({
        label: t('sup.stop'),
        icon: 'stop',
        kind: 'danger',
        busy: `stop ${own.id}`,
        onClick: () => void stopSupervision(own.id),
      })}
    </div>
  </div>`;
}

function ringingText(): string {
  const here = state.softphone?.call;
  return t(here !== null && here !== undefined && here.state !== 'ringing' ? 'sup.ringing.browser' : 'sup.ringing');
}

function since(iso: string): string {
  return duration((Date.now() - Date.parse(iso)) / 1000);
}
