/**
 * The one registry of calls. Every index is derived and written by `note` alone. The last closed calls are kept for
 * reading until newer ones push them out.
 */
import { isLive, isOpen, type Call, type Supervision } from '../call/model.ts';
import type { Holder } from '../call/events.ts';
import { isAgent, heldBy } from '../call/model.ts';
import type { CallController } from './controller.ts';
import type { TimelineEntry } from './service.ts';

const CLOSED_KEPT = 1000;

export interface Closed {
  readonly call: Call;
  readonly timeline: readonly TimelineEntry[];
}

export class Registry {
  readonly #live = new Map<string, CallController>();
  readonly #timelines = new Map<string, TimelineEntry[]>();
  readonly #closed = new Map<string, Closed>();
  readonly #callOfSupervision = new Map<string, string>();
  readonly #callsOfUser = new Map<string, Set<string>>();
  /** Live calls with an open supervision. */
  readonly #supervised = new Set<CallController>();
  callsTotal = 0;
  supervisionsTotal = 0;

  add(call: CallController): void {
    this.#live.set(call.id, call);
    this.#timelines.set(call.id, []);
    this.callsTotal++;
    this.note(call);
  }

  /** Brings the indexes up to the call's state. Returns the users whose occupation may have changed. */
  note(controller: CallController): Set<string> {
    const call = controller.state;
    const touched = new Set<string>();
    for (const p of call.participants) {
      if (p.userId === null) continue;
      touched.add(p.userId);
      const calls = this.#callsOfUser.get(p.userId) ?? new Set();
      if (call.participants.some((o) => o.userId === p.userId && isLive(o))) calls.add(call.id);
      else calls.delete(call.id);
      if (calls.size === 0) this.#callsOfUser.delete(p.userId);
      else this.#callsOfUser.set(p.userId, calls);
    }
    for (const s of call.supervisions) {
      if (this.#callOfSupervision.has(s.id)) continue;
      this.#callOfSupervision.set(s.id, call.id);
      this.supervisionsTotal++;
    }
    if (call.supervisions.some(isOpen)) this.#supervised.add(controller);
    else this.#supervised.delete(controller);
    if (call.phase === 'closed') this.#retire(controller);
    return touched;
  }

  #retire(controller: CallController): void {
    if (!this.#live.delete(controller.id)) return;
    const timeline = this.#timelines.get(controller.id) ?? [];
    this.#timelines.delete(controller.id);
    this.#closed.set(controller.id, { call: controller.state, timeline });
    for (const [id, { call }] of this.#closed) {
      if (this.#closed.size <= CLOSED_KEPT) break;
      this.#closed.delete(id);
      for (const s of call.supervisions) this.#callOfSupervision.delete(s.id);
    }
  }

  get live(): IterableIterator<CallController> {
    return this.#live.values();
  }

  get size(): number {
    return this.#live.size;
  }

  controller(id: string): CallController | undefined {
    return this.#live.get(id);
  }

  /** Live or closed. */
  state(id: string): Call | undefined {
    return this.#live.get(id)?.state ?? this.#closed.get(id)?.call;
  }

  timeline(id: string): readonly TimelineEntry[] {
    return this.#timelines.get(id) ?? this.#closed.get(id)?.timeline ?? [];
  }

  enter(id: string, entry: TimelineEntry): void {
    this.#timelines.get(id)?.push(entry);
  }

  callsOf(userId: string): CallController[] {
    return [...(this.#callsOfUser.get(userId) ?? [])].flatMap((id) => this.#live.get(id) ?? []);
  }

  supervision(id: string): { call: Call; supervision: Supervision } | undefined {
    const callId = this.#callOfSupervision.get(id);
    const call = callId === undefined ? undefined : this.state(callId);
    const supervision = call?.supervisions.find((s) => s.id === id);
    return call === undefined || supervision === undefined ? undefined : { call, supervision };
  }

  openSupervisions(): { call: Call; supervision: Supervision }[] {
    return [...this.#supervised].flatMap(({ state }) =>
      state.supervisions.filter(isOpen).map((supervision) => ({ call: state, supervision })),
    );
  }

  /** R-EXCL-5: a hold is nothing but an open supervision, so it cannot outlive it, nor the server. */
  holders(): Holder[] {
    return this.openSupervisions().flatMap(({ call, supervision }) =>
      heldBy(call, supervision.target).map((agentId) => ({
        agentId,
        callId: call.id,
        mode: supervision.mode,
        supervisor: supervision.supervisor,
        supervisionId: supervision.id,
      })),
    );
  }

  /** The call that a person talks in as an agent. */
  conversationOf(userId: string): CallController | undefined {
    return this.callsOf(userId).find((c) =>
      c.state.participants.some((p) => p.userId === userId && isAgent(p) && p.leg.kind === 'connected'),
    );
  }
}
