import { html, nothing, type TemplateResult } from 'lit-html';
import { Problem } from '../data/api.ts';
import { signIn } from '../session.ts';
import { changed, problemText, state } from '../state.ts';
import { t } from '../text/index.ts';
import { icon } from './icons.ts';
import { languageChoice } from './menu.ts';
import { brand } from './brand.ts';

let fault: string | null = null;

async function submit(event: SubmitEvent): Promise<void> {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  const data = new FormData(form);
  const [user, password] = [data.get('username'), data.get('password')].map((value) =>
    typeof value === 'string' ? value : '',
  );
  if (user === undefined || password === undefined || user.trim() === '' || password === '') {
    fault = t('signin.needed');
    changed();
    return;
  }
  if (state.busy.has('signin')) return;
  state.busy.add('signin');
  fault = null;
  changed();
  try {
    await signIn(user.trim(), password);
  } catch (error) {
    fault = error instanceof Problem && error.code === 'unauthorized' ? t('signin.wrong') : problemText(error);
    form.querySelector<HTMLInputElement>('[name="password"]')?.select();
  } finally {
    state.busy.delete('signin');
    changed();
  }
}

export function signInView(): TemplateResult {
  const busy = state.busy.has('signin');
  return html`<main class="signin" id="content">
    <form novalidate @submit=${submit} aria-labelledby="signin-title">
      ${brand()}
      <h1 id="signin-title">${t('signin.title')}</h1>
      ${state.signInNotice === null ? nothing : html`<p class="notice">${icon('info')}<span>${t(state.signInNotice)}</span></p>`}
      <label class="field"
        ><span class="name">${t('signin.user')}</span>
        <input
          name="username"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          maxlength="64"
          required
          autofocus
      /></label>
      <label class="field"
        ><span class="name">${t('signin.password')}</span>
        <input name="password" type="password" autocomplete="current-password" maxlength="256" required
      /></label>
      <p class="fault" role="alert">${fault === null ? nothing : html`${icon('warning')}<span>${fault}</span>`}</p>
      <button class="button primary wide ${busy ? 'busy' : ''}" aria-busy=${busy ? 'true' : nothing}>
        <span>${t(busy ? 'signin.busy' : 'signin.submit')}</span>
      </button>
    </form>
    <footer>${languageChoice()}</footer>
  </main>`;
}
