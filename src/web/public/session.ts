/** From signing in to signing out: reads the lists, keeps them up to date, repairs the line (R-SEE-4). */
import type { ControlEvent } from '../../control/service.ts';
import { api, Problem, type Me } from './data/api.ts';
import type { ServerSentEvent } from './data/sse.ts';
import { EventLine } from './data/stream.ts';
import { Softphone } from './phone/softphone.ts';
import { followLevels } from './levels.ts';
import { changed, now, phoneChoice, problemText, selectedCall, state, toast } from './state.ts';
import { keyOf, t } from './text/index.ts';

/** Events come in bursts; what they changed is read anew once, this long after the first, ms. */
const REREAD_MS = 150;
/** And at times without any event: a call that left my teams is no event of mine. */
const SAFETY_MS = 30_000;
/** A page that nobody sees gives its connection back after this, ms. Browsers have six for one server. */
const HIDDEN_MS = 60_000;
/** For how long after a click the softphone may answer by itself, ms. */
const EXPECT_MS = 30_000;

let reread: ReturnType<typeof setTimeout> | null = null;
let safety: ReturnType<typeof setInterval> | null = null;
let hidden: ReturnType<typeof setTimeout> | null = null;
let expected = -Infinity;

const line = new EventLine({
  url: '/api/v1/events',
  onState(next) {
    state.line = next;
    if (next === 'lost') state.lineLost = true;
    if (next === 'signed-out') signedOut('signin.over');
    changed();
  },
  onOpen(resumed) {
    if (state.lineLost && resumed) toast('good', t('line.back'));
    state.lineLost = false;
    void readAll();
  },
  onEvent,
});

/** The softphone may answer the next call by itself: the person has asked for it here. */
export function expectCall(): void {
  expected = now();
}

/** Finds out who is signed in. */
export async function restore(): Promise<void> {
  try {
    begin(await api.me());
  } catch (error) {
    state.me = null;
    if (!(error instanceof Problem && error.code === 'unauthorized')) toast('bad', problemText(error));
    changed();
  }
}

export async function signIn(username: string, password: string): Promise<void> {
  begin(await api.signIn(username, password));
}

/** Throws a Problem where the server refuses it (R-FLOW-5). */
export async function signOut(): Promise<void> {
  await api.signOut();
  signedOut(null);
}

function begin(me: Me): void {
  state.me = me;
  state.signInNotice = null;
  state.live.clear();
  if (me.role === 'agent') state.page = 'mine';
  else if (location.hash === '') state.page = 'calls';
  state.softphone = new Softphone({
    userId: me.id,
    account: () => api.softphone(),
    onChange: changed,
    mayAnswer: () => now() - expected < EXPECT_MS,
  });
  line.reset();
  line.open();
  safety ??= setInterval(() => {
    if (state.line === 'open') rereadSoon();
  }, SAFETY_MS);
  api.operations().then(
    (operations) => {
      state.operations = operations;
      changed();
    },
    (error: unknown) => toast('bad', problemText(error)),
  );
  changed();
}

function signedOut(notice: 'signin.over' | null): void {
  line.reset();
  state.softphone?.stop();
  followLevels(null);
  if (safety !== null) clearInterval(safety);
  safety = null;
  Object.assign(state, {
    me: null,
    signInNotice: notice,
    selected: null,
    lastSeen: null,
    timeline: null,
    dialog: null,
    softphone: null,
    operations: new Set<string>(),
  });
  state.live.clear();
  changed();
}

async function readAll(): Promise<void> {
  const first = !state.live.loaded;
  try {
    const [agents, supervisors, queues] = await Promise.all([
      api.agents(),
      api.supervisors(),
      api.queues(),
      readCalls(),
    ]);
    state.live.setPeople(agents, supervisors);
    state.live.setQueues(queues, now());
    state.live.loaded = true;
    if (first) startSoftphone();
  } catch (error) {
    if (error instanceof Problem && error.code === 'offline') rereadSoon();
    else if (state.me !== null) toast('bad', problemText(error));
  }
  void readTimeline();
  changed();
}

/** Where the person talks with the browser, it is turned on by itself, if that needs no question. */
function startSoftphone(): void {
  if (state.prefs.phone !== 'browser' || phoneChoice() !== 'browser') return;
  void state.softphone?.start();
}

async function readCalls(): Promise<void> {
  const reading = state.live.beginReading();
  try {
    state.live.setCalls(await api.calls(), reading, now());
  } catch (error) {
    state.live.dropReading(reading);
    throw error;
  }
  noteSelected();
}

function noteSelected(): void {
  state.lastSeen = selectedCall() ?? state.lastSeen;
}

export function rereadSoon(): void {
  reread ??= setTimeout(() => {
    reread = null;
    if (state.me === null || state.me === undefined) return;
    readCalls().then(changed, (error: unknown) => {
      if (error instanceof Problem && error.code === 'unauthorized') signedOut('signin.over');
    });
    void readTimeline();
  }, REREAD_MS);
}

/** The timeline of the selected call. */
export async function readTimeline(): Promise<void> {
  const callId = state.selected;
  if (callId === null) return;
  try {
    const entries = await api.timeline(callId);
    if (state.selected === callId) state.timeline = { callId, entries };
  } catch {
    // It has left my teams, or the line is down; what was read stays.
  }
  changed();
}

function onEvent({ data }: ServerSentEvent): void {
  const event = JSON.parse(data) as ControlEvent;
  const told = state.live.apply(event, now());
  if (told.kind === 'reset') {
    void readAll();
    return;
  }
  if (told.kind === 'call' && told.call.id === state.selected) state.lastSeen = told.call;
  if (
    told.kind === 'supervision' &&
    told.type === 'supervision.ended' &&
    told.supervision.supervisor.id === state.me?.id
  ) {
    const reason = told.supervision.endReason;
    const key = keyOf(`sup.ended.${reason ?? ''}`);
    if (key !== null) toast(reason === 'stopped' || reason === 'call_ended' ? 'info' : 'bad', t(key));
  }
  if (told.kind !== 'other') rereadSoon();
  changed();
}

/** Connects at once where the network or the person is back. */
export function retryLine(): void {
  if (state.me !== null && state.me !== undefined) line.open();
}

/** The page is hidden and draws nothing; it begins again when it is seen. */
function giveBack(): void {
  line.close();
  followLevels(null);
}

export function watchPage(): void {
  window.addEventListener('online', retryLine);
  document.addEventListener('visibilitychange', () => {
    if (hidden !== null) clearTimeout(hidden);
    hidden = null;
    if (document.visibilityState === 'visible') retryLine();
    else hidden = setTimeout(giveBack, HIDDEN_MS);
  });
  window.addEventListener('beforeunload', (event) => {
    if (state.softphone?.call?.state === 'up') event.preventDefault();
  });
}
