/** Questions before something that cannot be taken back, and choices of a destination. Native dialogs keep the focus. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { assign, operate, send, supervise } from '../commands.ts';
import type { Destination } from '../data/api.ts';
import { changed, selectedCall, state, type Dialog } from '../state.ts';
import { t } from '../text/index.ts';
import { icon } from './icons.ts';
import { agentState, button, customerName, select } from './parts.ts';

type Kind = 'agent' | 'queue' | 'number';
const choice = { kind: 'agent' as Kind, value: '', override: false };

function close(): void {
  state.dialog = null;
  state.refusal = null;
  Object.assign(choice, { kind: 'agent', value: '', override: false });
  changed();
}

/** Opens what has just been drawn: a dialog can be opened once it is in the page. */
export function openDialog(): void {
  document.querySelector<HTMLDialogElement>('dialog:not([open])')?.showModal();
}

export function dialogView(): TemplateResult | typeof nothing {
  const { dialog } = state;
  if (dialog === null) return nothing;
  return html`<dialog
    aria-labelledby="dialog-title"
    @close=${close}
    @click=${(event: Event) => {
      if (event.target === event.currentTarget) close();
    }}
  >
    <div class="inside">
      ${content(dialog)}
      ${state.refusal === null ? nothing : html`<p class="fault" role="alert">${icon('warning')}<span>${state.refusal}</span></p>`}
    </div>
  </dialog>`;
}

function content(dialog: Dialog): TemplateResult {
  switch (dialog.kind) {
    case 'confirm':
      return confirm(dialog);
    case 'destination':
      return destination(dialog);
    case 'target':
      return target(dialog);
  }
}

function heading(title: string, detail: string): TemplateResult {
  return html`<h2 id="dialog-title">${title}</h2>
    <p>${detail}</p>`;
}

function confirm({ action, callId }: Extract<Dialog, { kind: 'confirm' }>): TemplateResult {
  const call = state.live.calls.get(callId)?.view ?? selectedCall();
  const agent = call?.agent?.name ?? t('who.agent');
  return html`${heading(t(`act.${action}.confirm`), t(`act.${action}.detail`, { agent }))}
    ${call === null ? nothing : html`<p class="subject"><strong>${customerName(call)}</strong> · ${agent}</p>`}
    <div class="buttons end">
      ${button({ label: t('act.cancel'), onClick: close })}
      ${button({
        label: t(`act.${action}`),
        kind: action === 'end' ? 'danger' : 'primary',
        busy: `${action} ${callId}`,
        onClick: () => void operate(callId, action).then(afterwards),
      })}
    </div>`;
}

function target({ callId, mode, choices }: Extract<Dialog, { kind: 'target' }>): TemplateResult {
  return html`${heading(t('choose.title'), t('choose.detail'))}
    <div class="choices">
      ${choices.map(({ id, name }) =>
        button({
          label: name,
          icon: 'user',
          onClick: () => {
            close();
            void supervise(callId, mode, id);
          },
        }),
      )}
    </div>
    <div class="buttons end">${button({ label: t('act.cancel'), onClick: close })}</div>`;
}

function destination({ action, callId }: Extract<Dialog, { kind: 'destination' }>): TemplateResult {
  const submit = (event: Event): void => {
    event.preventDefault();
    const to = chosen();
    if (to === null) return;
    if (action === 'assign') void assign(callId, to, choice.override).then(afterwards);
    else void send(callId, action, to).then(afterwards);
  };
  const kinds: readonly Kind[] = action === 'assign' ? ['agent', 'queue'] : ['agent', 'queue', 'number'];
  return html`<form @submit=${submit}>
    ${heading(t(`act.${action}.title`), t(`act.${action}.detail`))}
    <div class="segments" role="group">
      ${kinds.map(
        (kind) =>
          html`<button
            type="button"
            aria-pressed=${choice.kind === kind ? 'true' : 'false'}
            @click=${() => {
              Object.assign(choice, { kind, value: '' });
              changed();
            }}
          >
            ${t(`dest.${kind}`)}
          </button>`,
      )}
    </div>
    ${field(state.live.calls.get(callId)?.view.agent?.id)}
    ${
      action === 'assign' && choice.kind === 'agent'
        ? html`<label class="check"
            ><input
              type="checkbox"
              .checked=${choice.override}
              @change=${(event: Event) => {
                choice.override = (event.target as HTMLInputElement).checked;
              }}
            /><span>${t('act.assign.override')}</span></label
          >`
        : nothing
    }
    <div class="buttons end">
      ${button({ label: t('act.cancel'), onClick: close })}
      <button
        class="button primary ${state.busy.has(`${action} ${callId}`) ? 'busy' : ''}"
        ?disabled=${chosen() === null}
      >
        <span>${t(`act.${action}.do`)}</span>
      </button>
    </div>
  </form>`;
}

/** A refusal leaves the dialog open, so that another destination can be chosen. */
function afterwards(): void {
  if (state.dialog === null) close();
}

function chosen(): Destination | null {
  const value = choice.value.trim();
  if (value === '') return null;
  if (choice.kind === 'agent') return { agent: value };
  return choice.kind === 'queue' ? { queue: value } : { number: value };
}

function pickValue(value: string): void {
  choice.value = value;
  changed();
}

/** `already`: the agent who has the call. */
function field(already: string | undefined): TemplateResult {
  if (choice.kind === 'number') {
    return html`<label class="field"
      ><span class="name">${t('dest.number.label')}</span
      ><input
        inputmode="tel"
        maxlength="64"
        autocomplete="off"
        .value=${choice.value}
        @input=${(event: Event) => pickValue((event.target as HTMLInputElement).value)}
    /></label>`;
  }
  if (choice.kind === 'queue') {
    const queues = [...state.live.queues.values()].map(({ view }) => ({ value: view.id, label: view.name }));
    return select({
      label: t('dest.queue'),
      value: choice.value,
      choices: [{ value: '', label: t('dest.choose') }, ...queues],
      onChange: pickValue,
    });
  }
  const people = [...state.live.agents.values(), ...state.live.supervisors.values()].filter(
    ({ id }) => id !== state.me?.id && id !== already,
  );
  if (people.length === 0) return html`<p class="faint">${t('dest.none')}</p>`;
  return html`<div class="people" role="radiogroup" aria-label=${t('dest.agent')}>
    ${people.map(
      (user) =>
        html`<label class=${choice.value === user.id ? 'chosen' : ''}
          ><input
            type="radio"
            name="agent"
            value=${user.id}
            .checked=${choice.value === user.id}
            @change=${() => pickValue(user.id)}
          />
          <span><strong>${user.name}</strong><small>${user.extension}</small></span
          >${agentState(user.state)}</label
        >`,
    )}
  </div>`;
}
