/** The softphone: its state in the header, its call at the foot of the page, its troubles in a sentence. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { choosePhone } from '../commands.ts';
import type { PhoneCall } from '../phone/call.ts';
import { changed, deskPhones, state } from '../state.ts';
import { t } from '../text/index.ts';
import { icon } from './icons.ts';
import { button } from './parts.ts';

/** Why the softphone is not on, and what to do; nothing where all is well. */
export function phoneProblem(): TemplateResult | typeof nothing {
  const { softphone, me } = state;
  if (me?.webrtc.available !== true) return trouble(t('phone.why.media'), me?.webrtc.reason ?? null);
  if (softphone === null || softphone.isOn || softphone.state === 'off') return nothing;
  const text = softphone.why === null ? t('phone.state.failed') : t(`phone.why.${softphone.why}`);
  return html`${trouble(text, softphone.detail)}
  ${
    softphone.state === 'elsewhere'
      ? button({ label: t('phone.here'), icon: 'browser', onClick: () => void softphone.start(true) })
      : nothing
  }`;
}

function trouble(text: string, detail: string | null): TemplateResult {
  return html`<div class="trouble" role="status">
    ${icon('warning')}
    <div>
      <p>${text}</p>
      ${
        detail === null
          ? nothing
          : html`<details>
              <summary>${t('phone.details')}</summary>
              <p>${detail}</p>
            </details>`
      }
    </div>
  </div>`;
}

/** In the header: state of the softphone, and turning it on and off. */
export function phoneButton(): TemplateResult {
  const { softphone, me } = state;
  const available = me?.webrtc.available === true;
  const shown = available ? (softphone?.state ?? 'off') : 'unavailable';
  const close = (event: FocusEvent): void => {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget)) menu.open = false;
  };
  const text = t(`phone.state.${shown}`);
  return html`<details class="menu phone" @focusout=${close}>
    <summary aria-label="${t('phone.title')}: ${text}">
      ${icon('headset')}<span class="dot ${shown}"></span><span class="word">${text}</span>
    </summary>
    <div class="sheet">${phoneSettings()}</div>
  </details>`;
}

export function phoneSettings(): TemplateResult {
  const { softphone, me } = state;
  const available = me?.webrtc.available === true;
  const shown = available ? (softphone?.state ?? 'off') : 'unavailable';
  const desk = deskPhones();
  return html`<div class="row">
      <span class="name">${icon('browser')}${t('phone.browser')}</span>
      <span class="value"><span class="dot ${shown}"></span>${t(`phone.state.${shown}`)}</span>
      ${
        !available
          ? nothing
          : softphone?.isOn === true
            ? button({ label: t('phone.off'), onClick: () => choosePhone('desk') })
            : button({ label: t('phone.on'), kind: 'primary', onClick: () => choosePhone('browser') })
      }
    </div>
    ${phoneProblem()}
    <div class="row">
      <span class="name">${icon('phone')}${t('phone.desk')}</span>
      <span class="value"
        ><span class="dot ${desk.length > 0 ? 'ready' : 'off'}"></span>${
          desk.length === 0
            ? t('phone.desk.none')
            : desk.map((each) => each.userAgent ?? each.transport.toUpperCase()).join(', ')
        }</span
      >
    </div>
    ${softphone?.isOn === true && desk.length > 0 ? html`<p class="hint">${t('phone.both')}</p>` : nothing}`;
}

const KEYS = '123456789*0#'.split('');

/** The call of this browser, on whatever page. */
export function phoneBar(): TemplateResult | typeof nothing {
  const call = state.softphone?.call ?? null;
  if (call === null) return nothing;
  return html`<section class="callbar ${call.state}" aria-label=${t('phone.title')}>
    ${icon('headset')}
    <p role="status">${lineOf(call)}${call.muted ? html`<small>${t('phone.muted')}</small>` : nothing}</p>
    <div class="buttons">${call.state === 'ringing' ? ringing(call) : talking(call)}</div>
    ${state.keypad && call.state === 'up' ? keypad(call) : nothing}
  </section>`;
}

function lineOf(call: PhoneCall): string {
  const { name } = call;
  if (call.state === 'ringing') return t('phone.from', { name });
  return t(call.state === 'up' ? 'phone.talking' : 'phone.dialling', { name });
}

function ringing(call: PhoneCall): TemplateResult {
  return html`${button({ label: t('phone.answer'), icon: 'phone', kind: 'primary', onClick: () => call.answer() })}
  ${button({ label: t('phone.decline'), icon: 'hangup', kind: 'danger', onClick: () => call.hangUp() })}`;
}

function talking(call: PhoneCall): TemplateResult {
  return html`${button({
    label: t(call.muted ? 'phone.unmute' : 'phone.mute'),
    icon: call.muted ? 'micOff' : 'mic',
    pressed: call.muted,
    onClick: () => call.toggleMute(),
  })}
  ${button({
    label: t('phone.keys'),
    icon: 'keypad',
    pressed: state.keypad,
    onClick: () => {
      state.keypad = !state.keypad;
      changed();
    },
  })}
  ${button({ label: t('phone.hangup'), icon: 'hangup', kind: 'danger', onClick: () => call.hangUp() })}`;
}

function keypad(call: PhoneCall): TemplateResult {
  return html`<div class="keypad" role="group" aria-label=${t('phone.keys')}>
    ${KEYS.map(
      (key) =>
        html`<button type="button" aria-label=${t('phone.key', { key })} @click=${() => call.press(key)}>
          ${key}
        </button>`,
    )}
  </div>`;
}
