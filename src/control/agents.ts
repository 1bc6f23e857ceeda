/**
 * The state of every user: what they wish (signed off, away), whether a phone of theirs is registered, and what they
 * are doing (`Occupation`, derived from the live calls). The state is computed from these, never stored by hand.
 */
import { Refusal } from '../call/errors.ts';
import type { Person } from '../call/model.ts';
import type { AgentState, ContactView } from '../call/views.ts';
import type { UserConfig } from '../config/schema.ts';
import { permissionsOf, teamsOf, type Directory } from './directory.ts';
import type { Clock } from './ports.ts';
import { Timers } from './timers.ts';

export type Occupation = 'free' | 'ringing' | 'on-call';

interface Entry {
  readonly user: UserConfig;
  contacts: readonly ContactView[];
  signedOff: boolean;
  away: string | null;
  wrapUp: boolean;
  occupation: Occupation;
  /** Units of capacity in use. */
  load: number;
  state: AgentState;
  since: number;
  /** Rank by time of becoming available: the smallest has been available longest. Kept over a ringing that led nowhere. */
  rank: number;
}

export class Agents {
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #timers: Timers;
  readonly #changed: (userId: string) => void;
  #rank = 0;

  /** `changed` is called after the state, its reason or the contacts of a user have changed. */
  constructor(directory: Directory, clock: Clock, changed: (userId: string) => void) {
    this.#directory = directory;
    this.#clock = clock;
    this.#changed = changed;
    this.#timers = new Timers(clock);
    const now = clock.now();
    this.#entries = new Map(
      directory.config.users.map((user) => [
        user.id,
        {
          user,
          contacts: [],
          signedOff: false,
          away: null,
          wrapUp: false,
          occupation: 'free',
          load: 0,
          state: 'offline',
          since: now,
          rank: 0,
        },
      ]),
    );
  }

  entry(userId: string): Readonly<Entry> | undefined {
    return this.#entries.get(userId);
  }

  person(userId: string): Person | undefined {
    const entry = this.#entries.get(userId);
    if (entry === undefined) return undefined;
    const { user } = entry;
    return {
      userId: user.id,
      name: user.name,
      role: user.role,
      bot: user.kind === 'bot',
      team: user.team ?? null,
      teams: teamsOf(user),
      permissions: permissionsOf(user),
      extension: user.extension,
      state: entry.state,
      registered: entry.contacts.length > 0,
    };
  }

  reason(entry: Readonly<Entry>): string | null {
    return entry.state === 'away' ? entry.away : null;
  }

  /** A phone that registers makes its user available, unless signed off. */
  setContacts(userId: string, contacts: readonly ContactView[]): void {
    const entry = this.#entries.get(userId);
    if (entry === undefined) return;
    if (entry.contacts.length === 0 && contacts.length > 0) entry.away = null;
    entry.contacts = contacts;
    this.#update(entry, true);
  }

  /** By the user, a supervisor, or a feature code. Only what a person can wish for can be set. */
  wish(userId: string, state: AgentState, reason: string | null): void {
    const entry = this.#entries.get(userId);
    if (entry === undefined) throw new Refusal('not_found', 'No such user.');
    if (state !== 'available' && state !== 'away' && state !== 'offline') {
      throw new Refusal('invalid_request', 'The state can be set to available, away or offline.');
    }
    const { awayReasons } = this.#directory.config.policy;
    if (state === 'away' && reason !== null && awayReasons.length > 0 && !awayReasons.includes(reason)) {
      throw new Refusal('invalid_request', 'This reason is not among those agreed.', { choices: awayReasons });
    }
    entry.signedOff = state === 'offline';
    entry.away = state === 'away' ? (reason ?? '') : null;
    if (state === 'available') this.#endWrapUp(entry);
    this.#update(entry, true);
  }

  /** An offered call was not taken: no further ones until the agent says so. */
  setAway(userId: string, reason: string): void {
    const entry = this.#entries.get(userId);
    if (entry?.user.role !== 'agent') return;
    entry.away = reason;
    this.#update(entry, true);
  }

  occupy(userId: string, occupation: Occupation, load: number): void {
    const entry = this.#entries.get(userId);
    if (entry === undefined || (entry.occupation === occupation && entry.load === load)) return;
    entry.occupation = occupation;
    entry.load = load;
    this.#update(entry, false);
  }

  /** After a call of a queue. 0 seconds: none. */
  startWrapUp(userId: string, seconds: number): void {
    const entry = this.#entries.get(userId);
    if (entry === undefined || seconds <= 0 || entry.user.role !== 'agent') return;
    entry.wrapUp = true;
    this.#timers.set(userId, seconds * 1000, () => {
      entry.wrapUp = false;
      this.#update(entry, false);
    });
    this.#update(entry, false);
  }

  /** Whether a call of so many units may be offered: available, or on a call with capacity left. */
  takes(userId: string, units: number): boolean {
    const entry = this.#entries.get(userId);
    if (entry === undefined) return false;
    if (entry.state === 'available') return units <= entry.user.capacity;
    const willing = !entry.signedOff && entry.away === null && !entry.wrapUp && entry.contacts.length > 0;
    return entry.state === 'on-call' && entry.load > 0 && willing && entry.load + units <= entry.user.capacity;
  }

  /** Units by which a call would exceed the capacity. */
  excess(userId: string, units: number): number {
    const entry = this.#entries.get(userId);
    return entry === undefined ? 0 : Math.max(0, entry.load + units - entry.user.capacity);
  }

  /** The agent of a team who can be offered a call and has been available longest. */
  longestAvailable(team: string, units: number, except: readonly (string | null)[] = []): Person | undefined {
    const fitting = [...this.#entries.values()].filter(
      ({ user }) =>
        user.role === 'agent' && user.team === team && !except.includes(user.id) && this.takes(user.id, units),
    );
    // Who is idle comes before who is on a call with capacity left.
    fitting.sort((a, b) => Number(a.load > 0) - Number(b.load > 0) || a.rank - b.rank);
    return fitting[0] === undefined ? undefined : this.person(fitting[0].user.id);
  }

  availableIn(team: string): number {
    return [...this.#entries.values()].filter(
      (e) => e.user.role === 'agent' && e.user.team === team && e.state === 'available',
    ).length;
  }

  close(): void {
    this.#timers.close();
  }

  #endWrapUp(entry: Entry): void {
    entry.wrapUp = false;
    this.#timers.clear(entry.user.id);
  }

  #update(entry: Entry, told: boolean): void {
    const before = entry.state;
    const state = stateOf(entry);
    if (state === before && !told) return;
    if (state !== before) {
      entry.state = state;
      entry.since = this.#clock.now();
      if (state === 'available' && before !== 'ringing') entry.rank = ++this.#rank;
    }
    this.#changed(entry.user.id);
  }
}

function stateOf(entry: Entry): AgentState {
  if (entry.occupation !== 'free') return entry.occupation;
  if (entry.signedOff || entry.contacts.length === 0) return 'offline';
  if (entry.wrapUp) return 'wrap-up';
  return entry.away === null ? 'available' : 'away';
}
