/** Entry of the console. */
import { render } from 'lit-html';
import { go, select } from './commands.ts';
import { followLevels } from './levels.ts';
import { applyPrefs } from './prefs.ts';
import { restore, watchPage } from './session.ts';
import { changed, onRender, state, type Page } from './state.ts';
import { appView, titleOf } from './view/app.ts';
import { openDialog } from './view/dialogs.ts';

const PAGES: readonly string[] = ['calls', 'agents', 'queues', 'mine'] satisfies Page[];

function readAddress(): void {
  const [page = '', id] = location.hash.replace(/^#\//, '').split('/');
  if (PAGES.includes(page)) state.page = page as Page;
  select(page === 'calls' && id !== undefined && id !== '' ? decodeURIComponent(id) : null);
  changed();
}

applyPrefs(state.prefs);
const root = document.querySelector<HTMLElement>('#app')!;
onRender(() => {
  document.title = titleOf();
  render(appView(), root);
  openDialog();
  followLevels(state.me === null || state.page !== 'calls' ? null : state.selected);
});
window.addEventListener('hashchange', readAddress);
document.addEventListener('visibilitychange', changed);
document.addEventListener('keydown', (event) => {
  const typing =
    event.target instanceof HTMLElement && event.target.closest('input, select, textarea, dialog') !== null;
  if (event.key === 'Escape' && !typing && state.dialog === null && state.selected !== null) go('calls');
});
readAddress();
watchPage();
// Times run on.
setInterval(changed, 1000);
void restore();
