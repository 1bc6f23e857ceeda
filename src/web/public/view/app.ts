/** The frame of the page: header, line state, the page itself, the phone, dialogs, messages. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { go } from '../commands.ts';
import { retryLine } from '../session.ts';
import { dropToast, mySupervision, state, type Page } from '../state.ts';
import { t } from '../text/index.ts';
import { agentsView } from './agents.ts';
import { brand } from './brand.ts';
import { callsView } from './calls.ts';
import { dialogView } from './dialogs.ts';
import { icon, type IconName } from './icons.ts';
import { userMenu } from './menu.ts';
import { mineView } from './mine.ts';
import { button, customerName, doing } from './parts.ts';
import { phoneBar, phoneButton } from './phone.ts';
import { queuesView } from './queues.ts';
import { signInView } from './signin.ts';

const ICONS: Readonly<Record<Page, IconName>> = { calls: 'calls', agents: 'users', queues: 'queue', mine: 'phone' };

export function titleOf(): string {
  if (state.me === null || state.me === undefined) return 'Earshot';
  const ringing = state.softphone?.call?.state === 'ringing';
  return ringing ? `☎ ${t('phone.incoming')}` : `${t(`nav.${state.page}`)} · Earshot`;
}

export function appView(): TemplateResult {
  if (state.me === undefined) return html`<main class="splash" id="content" aria-busy="true">${brand()}</main>`;
  if (state.me === null)
    return html`${signInView()}
      <div class="foot">${toasts()}</div>`;
  return html`<a class="skip" href="#content" @click=${skip}>${t('app.skip')}</a>
    ${header()}${lineNotice()}${elsewhereNotice()}
    <main id="content" tabindex="-1" class="page">${page()}</main>
    <div class="foot">${toasts()}${phoneBar()}</div>
    ${dialogView()}`;
}

/** The address is that of a page; jumping to the content must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

function pages(): readonly Page[] {
  return state.me?.role === 'agent' ? ['mine'] : ['calls', 'agents', 'queues', 'mine'];
}

function page(): TemplateResult {
  const shown = pages().includes(state.page) ? state.page : pages()[0]!;
  switch (shown) {
    case 'calls':
      return callsView();
    case 'agents':
      return agentsView();
    case 'queues':
      return queuesView();
    case 'mine':
      return mineView();
  }
}

function header(): TemplateResult {
  return html`<header class="top">
    ${brand()}
    <nav aria-label=${t('nav.label')}>
      ${pages().map(
        (each) =>
          html`<a href="#/${each}" aria-current=${each === state.page ? 'page' : nothing}
            >${icon(ICONS[each])}<span>${t(`nav.${each}`)}</span></a
          >`,
      )}
    </nav>
    <div class="status">${lineMark()}${phoneButton()}${userMenu()}</div>
  </header>`;
}

function lineMark(): TemplateResult {
  const good = state.line === 'open';
  const text = good ? t('line.open') : state.lineLost ? t('line.lost') : t('line.connecting');
  return html`<span class="line ${good ? 'open' : 'lost'}" role="status"
    ><span class="dot"></span><span>${text}</span></span
  >`;
}

function lineNotice(): TemplateResult | typeof nothing {
  if (!state.lineLost || !state.live.loaded) return nothing;
  return html`<div class="banner warn" role="alert">
    ${icon('warning')}<span><strong>${t('line.lost')}</strong> ${t('line.lost.detail')}</span>
    ${button({ label: t('line.retry'), onClick: retryLine })}
  </div>`;
}

/** A supervision that goes on while another page or call is looked at. */
function elsewhereNotice(): TemplateResult | typeof nothing {
  const own = mySupervision();
  if (own === null || (state.page === 'calls' && state.selected === own.call.id)) return nothing;
  return html`<div class="banner own" role="status">
    ${icon('ear')}<span
      ><strong>${t('sup.active', { name: own.call.agent?.name ?? customerName(own.call) })}</strong>
      ${doing(own.supervision)}</span
    >
    ${button({ label: t('sup.show'), onClick: () => go('calls', own.call.id) })}
  </div>`;
}

const TOAST_ICONS = { info: 'info', good: 'good', bad: 'warning' } as const;

function toasts(): TemplateResult {
  return html`<div class="toasts" role="log" aria-live="polite" aria-relevant="additions">
    ${repeat(
      state.toasts,
      ({ id }) => id,
      ({ id, kind, text }) =>
        html`<div class="toast ${kind}">
          ${icon(TOAST_ICONS[kind])}<span>${text}</span>
          ${button({ label: t('act.close'), icon: 'close', kind: 'quiet', bare: true, onClick: () => dropToast(id) })}
        </div>`,
    )}
  </div>`;
}
