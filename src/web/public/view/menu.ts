/** The account's menu: own state, language, appearance, signing out. */
import { html, type TemplateResult } from 'lit-html';
import type { AgentState } from '../../../call/views.ts';
import { chooseLanguage, chooseTheme, leave, setAgentState } from '../commands.ts';
import type { Theme } from '../prefs.ts';
import { myself, state } from '../state.ts';
import { LANGUAGES, language, t, type Language } from '../text/index.ts';
import { icon } from './icons.ts';
import { agentState, button, initials, select } from './parts.ts';

export function languageChoice(): TemplateResult {
  return html`<div class="segments small" role="group" aria-label=${t('pref.language')}>
    ${Object.entries(LANGUAGES).map(
      ([tag, { name }]) =>
        html`<button
          type="button"
          lang=${tag}
          aria-pressed=${tag === language() ? 'true' : 'false'}
          @click=${() => chooseLanguage(tag as Language)}
        >
          ${name}
        </button>`,
    )}
  </div>`;
}

function themeChoice(): TemplateResult {
  const themes: readonly Theme[] = ['auto', 'light', 'dark'];
  return html`<div class="segments small" role="group" aria-label=${t('pref.theme')}>
    ${themes.map(
      (theme) =>
        html`<button
          type="button"
          aria-pressed=${theme === state.prefs.theme ? 'true' : 'false'}
          @click=${() => chooseTheme(theme)}
        >
          ${theme === 'auto' ? '' : icon(theme)}${t(`pref.theme.${theme}`)}
        </button>`,
    )}
  </div>`;
}

/** States that a person sets; the others follow the calls. */
const SETTABLE: readonly AgentState[] = ['available', 'away', 'offline'];

export function stateChoice(id: string, name: string, value: AgentState): TemplateResult {
  const choices = (SETTABLE.includes(value) ? SETTABLE : [value, ...SETTABLE]).map((each) => ({
    value: each,
    label: t(`agent.state.${each}`),
  }));
  return select<AgentState>({
    label: t('agents.set', { name }),
    hideLabel: true,
    value,
    choices,
    onChange: (next) => {
      if (next !== '' && next !== value) void setAgentState(id, next);
    },
  });
}

/** A `details` element: works without a script, and closes where the focus leaves it. */
export function userMenu(): TemplateResult {
  const { me } = state;
  const user = myself();
  if (me === null || me === undefined) return html``;
  const close = (event: FocusEvent): void => {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget)) menu.open = false;
  };
  const escape = (event: KeyboardEvent): void => {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.key !== 'Escape' || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector('summary')?.focus();
  };
  return html`<details class="menu" @focusout=${close} @keydown=${escape}>
    <summary>
      <span class="hidden">${t('menu.user')}: </span
      ><span class="avatar small" aria-hidden="true">${initials(me.name)}</span
      ><span class="who">${me.name}</span>${icon('chevron')}
    </summary>
    <div class="sheet">
      <div class="person">
        <span class="avatar" aria-hidden="true">${initials(me.name)}</span>
        <span><strong>${me.name}</strong><small>${me.extension}</small></span>
        ${user === null ? '' : agentState(user.state)}
      </div>
      ${
        user === null
          ? ''
          : html`<div class="row">
              <span class="name">${t('menu.state')}</span>${stateChoice(user.id, user.name, user.state)}
            </div>`
      }
      <div class="row"><span class="name">${t('pref.language')}</span>${languageChoice()}</div>
      <div class="row"><span class="name">${t('pref.theme')}</span>${themeChoice()}</div>
      <div class="row end">
        ${button({ label: t('signout'), icon: 'out', busy: 'signout', onClick: () => void leave() })}
      </div>
    </div>
  </details>`;
}
