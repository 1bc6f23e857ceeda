/** Everything that the page shows, in one place; views read it, commands change it and call `changed`. */
import type { ActionView, CallView, QueueView, UserView } from '../../call/views.ts';
import { Problem, type Me, type TimelineEntry } from './data/api.ts';
import { Live } from './data/live.ts';
import { NO_FILTER, type Sort } from './data/select.ts';
import type { LineState } from './data/stream.ts';
import type { Softphone } from './phone/softphone.ts';
import { loadPrefs, type PhoneChoice } from './prefs.ts';
import { keyOf, language, t, type Key } from './text/index.ts';

export type Page = 'calls' | 'agents' | 'queues' | 'mine';

export interface Toast {
  readonly id: number;
  readonly kind: 'info' | 'good' | 'bad';
  readonly text: string;
}

export type Dialog =
  | { readonly kind: 'confirm'; readonly action: 'takeover' | 'end'; readonly callId: string }
  | { readonly kind: 'destination'; readonly action: 'transfer' | 'assign' | 'consult'; readonly callId: string }
  | {
      readonly kind: 'target';
      readonly callId: string;
      readonly mode: 'listen' | 'whisper' | 'barge';
      readonly choices: readonly { readonly id: string; readonly name: string }[];
    };

export const state = {
  /** undefined: not known yet. null: nobody is signed in. */
  me: undefined as Me | null | undefined,
  /** Why the sign-in page is shown. */
  signInNotice: null as Key | null,
  operations: new Set() as ReadonlySet<string>,
  prefs: loadPrefs(),
  page: 'calls' as Page,
  selected: null as string | null,
  /** The selected call as it was last seen, also after it has ended. */
  lastSeen: null as CallView | null,
  filter: NO_FILTER,
  sort: { key: 'started', descending: true } as Sort,
  agentSearch: '',
  /** How many rows of the list are drawn. */
  rows: 200,
  /** Rises with every change but that of levels, which come many times a second and concern the pane alone. */
  version: 0,
  line: 'closed' as LineState,
  /** Since the line was lost, and until it is open again. */
  lineLost: false,
  live: new Live(),
  timeline: null as { readonly callId: string; readonly entries: readonly TimelineEntry[] } | null,
  /** dBov by participant of the selected call; null: not told. */
  levels: null as ReadonlyMap<string, number> | null,
  toasts: [] as readonly Toast[],
  dialog: null as Dialog | null,
  /** Why what was asked for in the dialog has been refused. */
  refusal: null as string | null,
  /** Names of requests that are on their way. */
  busy: new Set<string>(),
  softphone: null as Softphone | null,
  keypad: false,
  /** Another phone for supervisions, where one has been typed in. */
  otherPhone: null as string | null,
  target: 'agent' as 'agent' | 'customer',
};

let render: () => void = () => undefined;
let scheduled = false;

export function onRender(work: () => void): void {
  render = work;
}

/** Draws the page at the next frame. */
export function changed(): void {
  state.version += 1;
  draw();
}

/** The same where nothing but levels has changed. */
export function draw(): void {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    render();
  });
}

/** Moment on the clock that the live data uses, ms. */
export function now(): number {
  return performance.now();
}

let toastId = 0;
/** What went wrong stays longer. */
const TOAST_MS = { info: 7000, good: 5000, bad: 15_000 } as const;

export function toast(kind: Toast['kind'], text: string): void {
  const id = ++toastId;
  state.toasts = [...state.toasts.filter((each) => each.text !== text), { id, kind, text }].slice(-4);
  setTimeout(() => dropToast(id), TOAST_MS[kind]);
  changed();
}

export function dropToast(id: number): void {
  state.toasts = state.toasts.filter((each) => each.id !== id);
  changed();
}

/** Says why something could not be done: in the dialog, where one is open, as everything behind it is out of reach. */
export function refuse(text: string): void {
  if (state.dialog === null) toast('bad', text);
  else state.refusal = text;
  changed();
}

/** A refusal, for a person. */
export function problemText(error: unknown): string {
  if (!(error instanceof Problem)) return t('code.internal_error');
  const holder = error.fields['holder'];
  if (error.code === 'agent_supervised') return heldBy(nameOf(holder));
  return codeText(error.code, error.message);
}

/** The server's sentence says more than the code, in English. */
function codeText(code: string, detail: string | undefined): string {
  if (language() === 'en' && detail !== undefined && detail !== '' && code !== 'offline') return detail;
  const key = keyOf(`code.${code}`);
  return key === null ? (detail ?? t('code.internal_error')) : t(key);
}

function heldBy(name: string | null): string {
  return name === null ? t('code.agent_supervised.unknown') : t('code.agent_supervised', { holder: name });
}

function nameOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name } = value as { name?: unknown };
  return typeof name === 'string' ? name : null;
}

/** Why an action is not possible; null where it is. */
export function whyNot(action: ActionView, call: CallView): string | null {
  if (action.allowed) return null;
  // The server checks this last; the click turns the browser into a phone, or names another.
  if (action.code === 'no_phone' && bringsPhone()) return null;
  if (action.code === 'agent_supervised') {
    const me = state.me?.id;
    const other = call.supervisions.find((each) => each.state !== 'ended' && each.supervisor.id !== me);
    return other === undefined ? codeText(action.code, action.detail) : heldBy(other.supervisor.name);
  }
  return codeText(action.code ?? 'conflict', action.detail);
}

export function actionOf(call: CallView, name: ActionView['action']): ActionView | null {
  return call.actions.find((each) => each.action === name) ?? null;
}

export function selectedCall(): CallView | null {
  if (state.selected === null) return null;
  return state.live.calls.get(state.selected)?.view ?? null;
}

/** The live call in which I am a party (not a supervisor). */
export function myCall(): CallView | null {
  const me = state.me?.id;
  for (const { view } of state.live.calls.values()) {
    const mine = view.participants.some((p) => p.userId === me && p.role !== 'supervisor' && p.state !== 'left');
    if (mine && view.state !== 'wrap-up') return view;
  }
  return null;
}

export function mySupervision(): ReturnType<Live['supervisionOf']> {
  return state.me === null || state.me === undefined ? null : state.live.supervisionOf(state.me.id);
}

export function myself(): UserView | null {
  const id = state.me?.id ?? '';
  return state.live.agents.get(id) ?? state.live.supervisors.get(id) ?? null;
}

/** Phones of mine that are no browsers. */
export function deskPhones(): UserView['contacts'] {
  return (myself()?.contacts ?? []).filter((each) => each.transport !== 'ws' && each.transport !== 'wss');
}

/** What supervisions ring: as chosen, else the browser where there is no desk phone. */
export function phoneChoice(): PhoneChoice {
  if (state.me?.webrtc.available !== true) return 'desk';
  return state.prefs.phone ?? (deskPhones().length > 0 ? 'desk' : 'browser');
}

/** What the server is asked to ring of mine; undefined: whatever is registered. */
export function wantedPhone(): PhoneChoice | undefined {
  const choice = phoneChoice();
  return choice === 'desk' && deskPhones().length === 0 ? undefined : choice;
}

export function queueName(id: string | null): string | null {
  if (id === null) return null;
  const queue: QueueView | undefined = state.live.queues.get(id)?.view;
  return queue?.name ?? id;
}

export function userName(id: string | null): string | null {
  if (id === null) return null;
  return (state.live.agents.get(id) ?? state.live.supervisors.get(id))?.name ?? id;
}

function bringsPhone(): boolean {
  const other = state.otherPhone?.trim() ?? '';
  return other !== '' || phoneChoice() === 'browser';
}

/** What the server offers, as `POST /calls/{id}/hold`. */
export function offers(operation: string): boolean {
  return state.operations.has(operation);
}
