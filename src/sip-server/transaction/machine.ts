/**
 * The four transaction machines of RFC 3261 section 17, with the corrections of RFC 6026, as tables: for each state and
 * event the next state and what is to be done. No clock, no socket: timers and messages are events here and effects.
 *
 * An event without a row leaves everything as it is (the RFC has such events absorbed). `terminated` has no rows and the
 * driver feeds it nothing.
 *
 * ```
 * INVITE client      idle -> calling -> proceeding -> completed -> terminated
 *                                  \---------\-----> accepted  ---^
 * non-INVITE client  idle -> trying -> proceeding -> completed -> terminated
 * INVITE server      proceeding -> completed -> confirmed -> terminated
 *                              \-> accepted --------------^
 * non-INVITE server  trying -> proceeding -> completed -> terminated
 * ```
 */
import type { TimerName } from './timing.ts';

export type Kind = 'inviteClient' | 'client' | 'inviteServer' | 'server';

export type State =
  'idle' | 'calling' | 'trying' | 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';

/**
 * `start`: the user's request. `1xx`, `2xx`, `failure` (300 to 699): a response, from the network for a client, from the
 * user for a server. `request`: a retransmission of the request. `ack`: the ACK of this INVITE. `error`: the transport
 * has failed. A letter: that timer has fired.
 */
export type Event = 'start' | '1xx' | '2xx' | 'failure' | 'request' | 'ack' | 'error' | TimerName;

/**
 * `send`: the request or the latest response goes out. `ack`: an ACK for the failure goes out. `deliver`: the message
 * goes to the user. `timeout`, `failed`: the user is told. `+X`, `-X`: start and stop timer X.
 */
export type Effect = 'send' | 'ack' | 'deliver' | 'timeout' | 'failed' | `+${TimerName}` | `-${TimerName}`;

export interface Row {
  readonly to: State;
  readonly effects: readonly Effect[];
}

type Table = Readonly<Partial<Record<State, Readonly<Partial<Record<Event, Row>>>>>>;

function row(to: State, ...effects: Effect[]): Row {
  return { to, effects };
}

/** 17.1.1 and RFC 6026 8.4 */
const inviteClient: Table = {
  idle: { start: row('calling', 'send', '+A', '+B') },
  calling: {
    A: row('calling', 'send', '+A'),
    B: row('terminated', 'timeout'),
    error: row('terminated', 'failed'),
    '1xx': row('proceeding', '-A', '-B', 'deliver'),
    '2xx': row('accepted', '-A', '-B', '+M', 'deliver'),
    failure: row('completed', '-A', '-B', 'ack', '+D', 'deliver'),
  },
  proceeding: {
    '1xx': row('proceeding', 'deliver'),
    '2xx': row('accepted', '+M', 'deliver'),
    failure: row('completed', 'ack', '+D', 'deliver'),
  },
  completed: {
    failure: row('completed', 'ack'),
    D: row('terminated'),
    error: row('terminated'),
  },
  accepted: {
    '2xx': row('accepted', 'deliver'),
    M: row('terminated'),
  },
};

/** 17.1.2 */
const client: Table = {
  idle: { start: row('trying', 'send', '+E', '+F') },
  trying: {
    E: row('trying', 'send', '+E'),
    F: row('terminated', 'timeout'),
    error: row('terminated', 'failed'),
    '1xx': row('proceeding', 'deliver'),
    '2xx': row('completed', '-E', '-F', '+K', 'deliver'),
    failure: row('completed', '-E', '-F', '+K', 'deliver'),
  },
  proceeding: {
    E: row('proceeding', 'send', '+E'),
    F: row('terminated', 'timeout'),
    error: row('terminated', 'failed'),
    '1xx': row('proceeding', 'deliver'),
    '2xx': row('completed', '-E', '-F', '+K', 'deliver'),
    failure: row('completed', '-E', '-F', '+K', 'deliver'),
  },
  completed: { K: row('terminated') },
};

/** 17.2.1 and RFC 6026 8.5; 2xx retransmissions are the user's (13.3.1.4) */
const inviteServer: Table = {
  proceeding: {
    request: row('proceeding', 'send'),
    '1xx': row('proceeding', 'send'),
    '2xx': row('accepted', 'send', '+L'),
    failure: row('completed', 'send', '+G', '+H'),
    error: row('terminated', 'failed'),
  },
  accepted: {
    '2xx': row('accepted', 'send'),
    ack: row('accepted', 'deliver'),
    L: row('terminated'),
  },
  completed: {
    request: row('completed', 'send'),
    G: row('completed', 'send', '+G'),
    H: row('terminated', 'timeout'),
    ack: row('confirmed', '-G', '-H', '+I'),
    error: row('terminated', 'failed'),
  },
  confirmed: { I: row('terminated') },
};

/** 17.2.2 */
const server: Table = {
  trying: {
    '1xx': row('proceeding', 'send'),
    '2xx': row('completed', 'send', '+J'),
    failure: row('completed', 'send', '+J'),
    error: row('terminated', 'failed'),
  },
  proceeding: {
    request: row('proceeding', 'send'),
    '1xx': row('proceeding', 'send'),
    '2xx': row('completed', 'send', '+J'),
    failure: row('completed', 'send', '+J'),
    error: row('terminated', 'failed'),
  },
  completed: {
    request: row('completed', 'send'),
    J: row('terminated'),
    error: row('terminated', 'failed'),
  },
};

const TABLES: Readonly<Record<Kind, Table>> = { inviteClient, client, inviteServer, server };

export const INITIAL: Readonly<Record<Kind, State>> = {
  inviteClient: 'idle',
  client: 'idle',
  inviteServer: 'proceeding',
  server: 'trying',
};

/** The row for this state and event; undefined if the event is absorbed. Throws where nothing may follow any more. */
export function transition(kind: Kind, state: State, event: Event): Row | undefined {
  if (state === 'terminated') throw new Error(`${event} in a terminated ${kind} transaction`);
  return TABLES[kind][state]?.[event];
}

/** The event that a response of this status is. */
export function responseEvent(status: number): '1xx' | '2xx' | 'failure' {
  if (status < 200) return '1xx';
  return status < 300 ? '2xx' : 'failure';
}
