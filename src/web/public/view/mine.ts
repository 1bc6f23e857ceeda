/** The agent's page: own state, current call, new call, phone. */
import { html, nothing, type TemplateResult } from 'lit-html';
import type { Action, CallView } from '../../../call/views.ts';
import { dial, operate, setAgentState } from '../commands.ts';
import type { Operation } from '../data/api.ts';
import { talkNow, waitNow } from '../data/select.ts';
import { actionOf, changed, myCall, myself, now, offers, queueName, state, userName, whyNot } from '../state.ts';
import { duration, t } from '../text/index.ts';
import { diagram } from './diagram.ts';
import { icon, type IconName } from './icons.ts';
import { agentState, button, callState, customerName, empty, initials, skeleton } from './parts.ts';
import { phoneSettings } from './phone.ts';

export function mineView(): TemplateResult {
  const call = myCall();
  return html`<div class="mine">
    <h1 class="hidden">${t('mine.title')}</h1>
    <section class="card current" aria-labelledby="mine-call">
      <h2 id="mine-call">${t('mine.call')}</h2>
      ${state.live.loaded ? (call === null ? idle() : current(call)) : skeleton(3)}
    </section>
    <div class="side">
      ${ownState()}
      <section class="card" aria-labelledby="mine-dial">
        <h2 id="mine-dial">${t('mine.dial')}</h2>
        ${dialForm()}
      </section>
      <section class="card phone" aria-labelledby="mine-phone">
        <h2 id="mine-phone">${t('agents.col.phone')}</h2>
        ${phoneSettings()}
      </section>
    </div>
  </div>`;
}

function ownState(): TemplateResult | typeof nothing {
  const user = myself();
  if (user === null) return nothing;
  const free = ['available', 'away', 'offline'].includes(user.state);
  return html`<section class="card" aria-labelledby="mine-state">
    <h2 id="mine-state">${t('mine.state')}</h2>
    <p class="mystate">
      ${agentState(user.state)}<span class="time faint"
        >${duration((Date.now() - Date.parse(user.stateSince)) / 1000)}</span
      >
    </p>
    <div class="segments" role="group" aria-labelledby="mine-state">
      ${(['available', 'away', 'offline'] as const).map(
        (each) =>
          html`<button
            type="button"
            aria-pressed=${user.state === each ? 'true' : 'false'}
            aria-busy=${state.busy.has(`state ${user.id}`) ? 'true' : nothing}
            @click=${() => void setAgentState(user.id, each)}
          >
            ${t(`agent.state.${each}`)}
          </button>`,
      )}
    </div>
    ${free ? nothing : html`<p class="hint">${t('mine.state.locked')}</p>`}
  </section>`;
}

function idle(): TemplateResult {
  const user = myself();
  const what = user?.state;
  const hint =
    what === 'offline' || (what === 'available' && user?.role === 'agent') || what === 'away'
      ? t(`mine.empty.${what}`, { extension: user?.extension ?? '' })
      : nothing;
  return empty('phone', t('mine.empty'), hint);
}

interface Step {
  readonly action: Action;
  readonly label: string;
  readonly icon: IconName;
  readonly kind: 'plain' | 'primary' | 'danger';
  readonly operation: Operation | 'consult' | 'transfer';
}

/** What the agent can do; consult and its ends take each other's place. */
function steps(call: CallView): Step[] {
  const consulting = call.participants.some((p) => p.role === 'consulted' && p.state !== 'left');
  const held = actionOf(call, 'resume')?.allowed === true;
  const step = (
    action: Action,
    label: string,
    name: IconName,
    operation: Step['operation'],
    kind: Step['kind'] = 'plain',
  ): Step => ({ action, label, icon: name, kind, operation });
  return [
    held ? step('resume', t('act.unhold'), 'play', 'resume', 'primary') : step('hold', t('act.hold'), 'pause', 'hold'),
    ...(consulting
      ? [
          step('conference', t('act.complete'), 'transfer', 'consult/complete', 'primary'),
          step('conference', t('act.conference'), 'users', 'conference'),
          step('hangup', t('act.cancelConsult'), 'back', 'consult/cancel'),
        ]
      : [
          step('consult', t('act.consult'), 'users', 'consult'),
          step('transfer', t('act.transfer'), 'transfer', 'transfer'),
        ]),
    step('hangup', t('act.hangup'), 'hangup', 'hangup', 'danger'),
  ];
}

function current(call: CallView): TemplateResult {
  const at = now();
  const known = state.live.calls.get(call.id) ?? { view: call, at };
  const connected = call.answeredAt !== null;
  const other = call.participants.find(
    (p) => p.userId !== state.me?.id && p.role !== 'supervisor' && p.state !== 'left',
  );
  const name = call.direction === 'internal' && other !== undefined ? other.name : customerName(call);
  return html`<div class="conversation">
    <header class="caller">
      <span class="avatar large" aria-hidden="true">${initials(name)}</span>
      <div>
        <h3>${name}</h3>
        <p>
          <span class="time">${call.customer.number}</span>${callState(call)}
          ${call.consult === null ? nothing : html`<span class="tag whisper"><span>${t('call.consult', { name: userName(call.consult.agent) ?? '' })}</span></span>`}
        </p>
      </div>
      <p class="clock time" aria-label=${t('col.talk')}>
        ${duration(connected ? talkNow(known, at) : waitNow(known, at))}
      </p>
    </header>
    <p class="faint">
      ${icon(call.direction)}${t(`call.direction.${call.direction}`)}${call.queue === null ? '' : ` · ${queueName(call.queue) ?? ''}`}
    </p>
    ${diagram(call)}
    <div class="buttons">${steps(call).map((step) => stepButton(call, step))}</div>
  </div>`;
}

function stepButton(
  call: CallView,
  { action, label, icon: name, kind, operation }: Step,
): TemplateResult | typeof nothing {
  const view = actionOf(call, action);
  if (view === null || !offers(`POST /calls/{id}/${operation}`)) return nothing;
  return button({
    label,
    icon: name,
    kind,
    whyNot: whyNot(view, call),
    busy: `${operation} ${call.id}`,
    onClick: () => {
      if (operation === 'consult' || operation === 'transfer') {
        state.dialog = { kind: 'destination', action: operation, callId: call.id };
        changed();
      } else void operate(call.id, operation);
    },
  });
}

function dialForm(): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const number = new FormData(form).get('number');
    if (typeof number !== 'string' || number.trim() === '') return;
    void dial(number.replaceAll(/[\s()/-]/g, '')).then(() => form.reset());
  };
  return html`<form class="dial" @submit=${submit}>
    <label class="field"
      ><span class="name">${t('mine.dial.label')}</span
      ><input name="number" inputmode="tel" autocomplete="off" maxlength="64" required
    /></label>
    <button class="button primary ${state.busy.has('dial') ? 'busy' : ''}">
      ${icon('phone')}<span>${t('mine.dial.do')}</span>
    </button>
    <p class="hint">${t('mine.dial.hint')}</p>
  </form>`;
}
