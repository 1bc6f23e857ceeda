/** What a person can do, each as one function: asks the server, shows what it says, takes the answer in. */
import type { AgentState, CallView, Mode } from '../../call/views.ts';
import { api, Problem, type Destination, type Operation } from './data/api.ts';
import { expectCall, readTimeline, rereadSoon, signOut } from './session.ts';
import { applyPrefs, savePrefs, type PhoneChoice, type Theme } from './prefs.ts';
import {
  changed,
  mySupervision,
  now,
  phoneChoice,
  problemText,
  refuse,
  state,
  toast,
  wantedPhone,
  type Page,
} from './state.ts';
import { t, type Language } from './text/index.ts';

/** Runs a request once, marked as busy, and shows why it was refused. */
async function run(name: string, work: () => Promise<void>): Promise<void> {
  if (state.busy.has(name)) return;
  state.busy.add(name);
  state.refusal = null;
  changed();
  try {
    await work();
  } catch (error) {
    refuse(problemText(error));
    rereadSoon();
  } finally {
    state.busy.delete(name);
    changed();
  }
}

const took = (call: CallView): void => state.live.setCall(call, now());

export function go(page: Page, callId: string | null = null): void {
  location.hash = callId === null ? `#/${page}` : `#/${page}/${encodeURIComponent(callId)}`;
}

export function select(callId: string | null): void {
  if (state.selected === callId) return;
  state.selected = callId;
  state.lastSeen = callId === null ? null : (state.live.calls.get(callId)?.view ?? null);
  state.timeline = null;
  if (state.me !== null && state.me !== undefined) void readTimeline();
  changed();
}

export function listen(callId: string): Promise<void> {
  go('calls', callId);
  return supervise(callId, 'listen');
}

/** One click: turns the softphone on where it is to be used, then asks the server to ring it. */
export function supervise(callId: string, mode: Mode, target?: string): Promise<void> {
  return run(`supervise ${callId}`, async () => {
    const phone = state.otherPhone?.trim();
    const other = phone !== undefined && phone !== '' ? phone : null;
    if (other === null && !(await readyPhone())) return;
    const wanted = target ?? (state.target === 'customer' ? 'customer' : undefined);
    try {
      const started = await api.supervise(callId, {
        mode,
        ...(wanted === undefined ? {} : { target: wanted }),
        ...withPhone(other ?? wantedPhone()),
      });
      state.live.setSupervision(started);
      rereadSoon();
    } catch (error) {
      const choices =
        error instanceof Problem && error.code === 'choose_target' ? choicesOf(error.fields['choices']) : [];
      if (choices.length === 0) throw error;
      state.dialog = { kind: 'target', callId, mode, choices };
    }
  });
}

/** Where the browser is the phone, it is turned on, and may answer by itself. False: it cannot be; the reason is shown. */
async function readyPhone(): Promise<boolean> {
  const { softphone } = state;
  if (softphone === null || phoneChoice() !== 'browser') return true;
  const ready = await softphone.start();
  if (ready) expectCall();
  else refuse(softphone.why === null ? t(`phone.state.${softphone.state}`) : t(`phone.why.${softphone.why}`));
  return ready;
}

const withPhone = <T extends string>(phone: T | undefined): { phone?: T } => (phone === undefined ? {} : { phone });

function choicesOf(value: unknown): { id: string; name: string }[] {
  if (!Array.isArray(value)) return [];
  return (value as unknown[]).flatMap((each) => {
    const { id, name } = (typeof each === 'object' && each !== null ? each : {}) as { id?: unknown; name?: unknown };
    return typeof id === 'string' ? [{ id, name: typeof name === 'string' ? name : id }] : [];
  });
}

export function changeSupervision(id: string, change: { mode?: Mode; paused?: boolean }): Promise<void> {
  return run(`supervision ${id}`, async () => {
    state.live.setSupervision(await api.change(id, change));
    rereadSoon();
  });
}

export function stopSupervision(id: string): Promise<void> {
  return run(`stop ${id}`, async () => {
    state.live.setSupervision(await api.stop(id));
    rereadSoon();
  });
}

export function operate(callId: string, operation: Operation): Promise<void> {
  return run(`${operation} ${callId}`, async () => {
    const rings = operation === 'takeover' && mySupervision() === null;
    if (rings && !(await readyPhone())) return;
    took(await api.operate(callId, operation, rings ? withPhone(wantedPhone()) : undefined));
    state.dialog = null;
    rereadSoon();
  });
}

export function send(callId: string, operation: 'transfer' | 'consult', to: Destination): Promise<void> {
  return run(`${operation} ${callId}`, async () => {
    took(await api.send(callId, operation, to));
    state.dialog = null;
    rereadSoon();
  });
}

export function assign(callId: string, to: Destination, override: boolean): Promise<void> {
  return run(`assign ${callId}`, async () => {
    const { excess } = await api.assign(callId, to, override);
    state.dialog = null;
    if (excess > 0) toast('info', t('act.assign.excess', { excess }));
    rereadSoon();
  });
}

export function dial(number: string): Promise<void> {
  return run('dial', async () => {
    if (!(await readyPhone())) return;
    took(await api.dial({ agent: state.me?.id ?? '', to: number, ...withPhone(wantedPhone()) }));
    rereadSoon();
  });
}

export function setAgentState(id: string, next: AgentState, reason?: string): Promise<void> {
  return run(`state ${id}`, async () => {
    const user = await api.setState(id, next, reason);
    (user.role === 'agent' ? state.live.agents : state.live.supervisors).set(user.id, user);
    rereadSoon();
  });
}

export function leave(): Promise<void> {
  return run('signout', async () => {
    try {
      await signOut();
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'supervision_open') throw error;
      toast('bad', t('signout.blocked'));
    }
  });
}

function prefer(change: Partial<typeof state.prefs>): void {
  Object.assign(state.prefs, change);
  savePrefs(state.prefs);
  applyPrefs(state.prefs);
  changed();
}

export function choosePhone(phone: PhoneChoice): void {
  prefer({ phone });
  state.otherPhone = null;
  // A call to the person rings at every phone that is registered.
  if (phone === 'desk' && state.softphone?.call === null) state.softphone.stop();
  if (phone === 'browser') void state.softphone?.start();
}

export function chooseLanguage(language: Language): void {
  prefer({ language });
}

export function chooseTheme(theme: Theme): void {
  prefer({ theme });
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast('good', t('pane.copied'));
  } catch {
    toast('bad', text);
  }
}
