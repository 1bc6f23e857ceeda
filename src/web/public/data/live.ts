/**
 * What goes on, as this person may see it: lists read from the API, kept up to date by events. Pure but for `now`.
 *
 * Events tell what a call is, but not what this person may do with it (`actions`); that is read anew after them. A list
 * that was asked for before an event came must not undo the event: so each reading notes what has changed meanwhile.
 */
import type { ActionView, CallView, QueueView, SupervisionView, UserView } from '../../../call/views.ts';
import type { ControlEvent } from '../../../control/service.ts';

/** A call, and when we were told (ms, any clock that does not jump). */
export interface LiveCall {
  readonly view: CallView;
  readonly at: number;
}

export interface Reading {
  readonly changed: Set<string>;
  readonly closed: Set<string>;
}

export type Told =
  | { readonly kind: 'reset' }
  | { readonly kind: 'call'; readonly type: string; readonly call: CallView }
  | { readonly kind: 'supervision'; readonly type: string; readonly supervision: SupervisionView }
  | { readonly kind: 'people' }
  | { readonly kind: 'other' };

export class Live {
  readonly calls = new Map<string, LiveCall>();
  readonly agents = new Map<string, UserView>();
  readonly supervisors = new Map<string, UserView>();
  readonly queues = new Map<string, { readonly view: QueueView; readonly at: number }>();
  /** Whether the lists have been read. */
  loaded = false;
  readonly #readings = new Set<Reading>();

  clear(): void {
    for (const map of [this.calls, this.agents, this.supervisors, this.queues]) map.clear();
    this.loaded = false;
  }

  /** Takes an event in, and says what it was. */
  apply(event: ControlEvent, now: number): Told {
    const [kind = ''] = event.type.split('.');
    if (event.type === 'reset') return { kind: 'reset' };
    if (event.type === 'call.gone' && event.callId !== undefined) {
      // It goes on, out of this person's sight.
      this.#note(event.callId, true);
      this.calls.delete(event.callId);
      return { kind: 'other' };
    }
    if (kind === 'call' && isObject(event.data)) {
      const call = event.data as unknown as CallView;
      this.#note(call.id, event.type === 'call.closed');
      if (event.type === 'call.closed') this.calls.delete(call.id);
      else this.calls.set(call.id, { view: { ...call, actions: this.#actions(call.id) }, at: now });
      return { kind: 'call', type: event.type, call };
    }
    if (kind === 'supervision' && isObject(event.data)) {
      const supervision = event.data as unknown as SupervisionView;
      this.setSupervision(supervision);
      return { kind: 'supervision', type: event.type, supervision };
    }
    if (kind === 'agent' || kind === 'supervisor') {
      const user = event.data as UserView;
      (kind === 'agent' ? this.agents : this.supervisors).set(user.id, user);
      return { kind: 'people' };
    }
    if (kind === 'queue') {
      const view = event.data as QueueView;
      this.queues.set(view.id, { view, at: now });
    }
    return { kind: 'other' };
  }

  /** To be called when a list of calls is asked for; hand what it returns to `setCalls`. */
  beginReading(): Reading {
    const reading = { changed: new Set<string>(), closed: new Set<string>() };
    this.#readings.add(reading);
    return reading;
  }

  /** The list came to nothing. */
  dropReading(reading: Reading): void {
    this.#readings.delete(reading);
  }

  setCalls(list: readonly CallView[], reading: Reading, now: number): void {
    this.#readings.delete(reading);
    const listed = new Set(list.map((call) => call.id));
    for (const id of this.calls.keys()) if (!listed.has(id) && !reading.changed.has(id)) this.calls.delete(id);
    for (const call of list) {
      if (reading.closed.has(call.id)) continue;
      const newer = reading.changed.has(call.id) ? this.calls.get(call.id) : undefined;
      if (newer === undefined) this.calls.set(call.id, { view: call, at: now });
      else this.calls.set(call.id, { view: { ...newer.view, actions: call.actions }, at: newer.at });
    }
  }

  /** One call as an operation has answered it: it is newer than any list that is on its way. */
  setCall(call: CallView, now: number): void {
    this.#note(call.id, call.state === 'closed');
    if (call.state === 'closed') this.calls.delete(call.id);
    else this.calls.set(call.id, { view: call, at: now });
  }

  setPeople(agents: readonly UserView[], supervisors: readonly UserView[]): void {
    replace(this.agents, agents);
    replace(this.supervisors, supervisors);
  }

  setQueues(queues: readonly QueueView[], now: number): void {
    this.queues.clear();
    for (const view of queues) this.queues.set(view.id, { view, at: now });
  }

  /** The open supervision of a user, and its call. */
  supervisionOf(userId: string): { readonly call: CallView; readonly supervision: SupervisionView } | null {
    for (const { view } of this.calls.values()) {
      const supervision = view.supervisions.find((each) => each.supervisor.id === userId && each.state !== 'ended');
      if (supervision !== undefined) return { call: view, supervision };
    }
    return null;
  }

  /** A supervision as an event or an operation has told it. */
  setSupervision(supervision: SupervisionView): void {
    const call = this.calls.get(supervision.callId);
    if (call === undefined) return;
    this.#note(supervision.callId, false);
    const others = call.view.supervisions.filter((each) => each.id !== supervision.id);
    const { view } = call;
    // Talk and wait go on from what was told, so the moment stays that of the call.
    this.calls.set(view.id, { view: { ...view, supervisions: [...others, supervision] }, at: call.at });
  }

  #actions(callId: string): readonly ActionView[] {
    return this.calls.get(callId)?.view.actions ?? [];
  }

  #note(callId: string, closed: boolean): void {
    for (const reading of this.#readings) (closed ? reading.closed : reading.changed).add(callId);
  }
}

function replace<T extends { readonly id: string }>(map: Map<string, T>, list: readonly T[]): void {
  map.clear();
  for (const item of list) map.set(item.id, item);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
