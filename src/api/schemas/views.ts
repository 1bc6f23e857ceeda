/**
 * What the API answers: the documentation of the shapes in src/call/views.ts, held equal to them by the compiler
 * (`Same` below). Registered by name, so that they become components of the OpenAPI document.
 */
import { z } from 'zod';
import type { Permission, UserView, CallView, QueueView, SupervisionView } from '../../call/views.ts';
import type { AuditEntry } from '../../control/archive.ts';
import type { TimelineEntry } from '../../control/service.ts';

/** Schemas of answers, by component name. */
export const answers = z.registry<{ id: string }>();

const time = z.string().meta({ format: 'date-time' }).describe('ISO 8601, UTC');
const seconds = z.number().describe('Seconds');

export const mode = z.enum(['listen', 'whisper', 'barge']);
export const permission = z.enum(['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end']);
export const agentState = z.enum(['offline', 'available', 'ringing', 'on-call', 'wrap-up', 'away']);

export const errorCode = z
  .enum([
    'unauthorized',
    'forbidden',
    'not_found',
    'invalid_request',
    'agent_supervised',
    'supervisor_busy',
    'own_call',
    'not_available',
    'call_not_monitorable',
    'choose_target',
    'whisper_to_customer',
    'paused',
    'agent_consulting',
    'barged',
    'no_phone',
    'not_assignable',
    'not_transferable',
    'supervision_open',
    'capacity_exceeded',
    'conflict',
    'media_unavailable',
    'too_many_requests',
  ])
  .register(answers, { id: 'ErrorCode' });

export const participant = z
  .object({
    id: z.string(),
    role: z.enum(['customer', 'agent', 'consulted', 'supervisor']),
    userId: z.string().nullable().describe('Null: not a user of this server'),
    name: z.string(),
    address: z.string().describe('Number or extension'),
    state: z.enum(['ringing', 'connected', 'held', 'left']),
    codec: z.string().nullable(),
    hears: z.array(z.string()).describe('Ids of participants, or "music"'),
    mode: mode.optional().describe('Of a supervisor'),
  })
  .register(answers, { id: 'Participant' });

export const supervision = z
  .object({
    id: z.string(),
    callId: z.string(),
    supervisor: z.object({ id: z.string(), name: z.string() }),
    target: z.string().describe('Id of the participant who is supervised'),
    mode,
    paused: z.boolean(),
    state: z.enum(['ringing', 'active', 'held', 'ended']),
    startedAt: time,
    answeredAt: time.nullable(),
    endedAt: time.nullable(),
    endReason: z
      .enum([
        'stopped',
        'supervisor_left',
        'call_ended',
        'agent_left',
        'no_answer',
        'phone_busy',
        'phone_declined',
        'transferred_out',
        'media_failed',
        'displaced',
      ])
      .nullable(),
  })
  .register(answers, { id: 'Supervision' });

export const action = z
  .object({
    action: z.enum([...permission.options, 'pause', 'resume', 'stop', 'hold', 'consult', 'conference', 'hangup']),
    allowed: z.boolean(),
    code: errorCode.optional().describe('Why not'),
    detail: z.string().optional().describe('Why not, for a person'),
  })
  .register(answers, { id: 'Action' });

export const call = z
  .object({
    id: z.string(),
    state: z.enum(['open', 'ringing', 'active', 'waiting', 'wrap-up', 'closed']),
    direction: z.enum(['inbound', 'outbound', 'internal']),
    customer: z.object({ number: z.string(), name: z.string() }),
    agent: z.object({ id: z.string(), name: z.string(), team: z.string() }).nullable(),
    queue: z.string().nullable(),
    startedAt: time,
    answeredAt: time.nullable(),
    endedAt: time.nullable(),
    waitSeconds: seconds,
    talkSeconds: seconds,
    held: z.boolean(),
    consult: z.object({ agent: z.string() }).nullable(),
    sentiment: z.number().nullable(),
    endReason: z.string().nullable(),
    participants: z.array(participant),
    supervisions: z.array(supervision),
    actions: z.array(action).describe('What the person asking may do now'),
  })
  .register(answers, { id: 'Call' });

export const assignedCall = call
  .extend({ excess: z.number().describe("Units by which the agent's capacity is exceeded") })
  .register(answers, { id: 'AssignedCall' });

export const user = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(['agent', 'supervisor', 'admin']),
    team: z.string().nullable(),
    teams: z.array(z.string()),
    extension: z.string(),
    state: agentState,
    stateSince: time,
    stateReason: z.string().nullable(),
    calls: z.array(z.string()).describe('Ids of the current calls'),
    contacts: z
      .array(
        z.object({
          uri: z.string(),
          transport: z.string(),
          userAgent: z.string().nullable(),
          expiresAt: time,
        }),
      )
      .describe('Registered phones'),
  })
  .register(answers, { id: 'User' });

export const queue = z
  .object({
    id: z.string(),
    name: z.string(),
    team: z.string(),
    numbers: z.array(z.string()),
    waiting: z.number().int(),
    longestWaitSeconds: seconds,
    availableAgents: z.number().int(),
  })
  .register(answers, { id: 'Queue' });

export const timelineEntry = z
  .object({
    at: time,
    type: z.string(),
    by: z.string().nullable().describe('Id of the user who did it'),
    data: z.record(z.string(), z.unknown()),
  })
  .register(answers, { id: 'TimelineEntry' });

export const me = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(['agent', 'supervisor', 'admin']),
    permissions: z.array(permission),
    teams: z.array(z.string()),
    extension: z.string(),
    domain: z.string().describe('Phones register as extension@domain'),
    webrtc: z.object({
      available: z.boolean(),
      reason: z.string().optional().describe('Why not, and how to turn it on'),
    }),
  })
  .register(answers, { id: 'Me' });

export const softphone = z
  .object({
    available: z.boolean(),
    off: z.enum(['media', 'listener', 'digest']).nullable().describe('Why not'),
    detail: z.string().nullable().describe('Why not, for a person'),
    account: z
      .object({
        wsUrl: z.string().describe('SIP over WebSocket (RFC 7118)'),
        uri: z.string(),
        authorizationUser: z.string(),
        realm: z.string(),
        ha1: z.string().describe('Hash of user, realm and password (RFC 7616)'),
        displayName: z.string(),
        iceServers: z.array(
          z.object({
            urls: z.array(z.string()),
            username: z.string().optional(),
            credential: z.string().optional(),
          }),
        ),
      })
      .nullable(),
  })
  .register(answers, { id: 'Softphone' });

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('Stable; see ErrorCode. internal_error: a fault of the server'),
    detail: z.string().describe('For a person'),
  })
  .describe('RFC 9457. Further members help: holder, choices, excess, errors')
  .register(answers, { id: 'Problem' });

const next = z.number().int().nullable().describe('`after` of the next page; null on the last one');

export const historyPage = z
  .object({ items: z.array(call).describe('Closed calls, newest first'), next })
  .register(answers, { id: 'HistoryPage' });

export const auditEntry = z
  .object({
    id: z.string(),
    at: time,
    event: z.enum(['started', 'updated', 'ended']),
    supervision,
    target: z.object({ userId: z.string().nullable(), name: z.string() }).describe('Who was supervised'),
  })
  .register(answers, { id: 'AuditEntry' });

export const auditPage = z
  .object({ items: z.array(auditEntry).describe('Newest first'), next })
  .register(answers, { id: 'AuditPage' });

type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;
/** Both ways assignable (exact optionality aside, which zod does not express). */
type Same<A, B> = [Required<Frozen<A>>] extends [Required<B>]
  ? [Required<B>] extends [Required<Frozen<A>>]
    ? true
    : never
  : never;
export type Proof = [
  Same<z.infer<typeof call>['state'], CallView['state']>,
  Same<keyof z.infer<typeof call>, keyof CallView>,
  Same<Omit<z.infer<typeof call>, 'participants' | 'actions'>, Omit<CallView, 'participants' | 'actions'>>,
  Same<z.infer<typeof participant>, CallView['participants'][number]>,
  Same<z.infer<typeof action>, CallView['actions'][number]>,
  Same<z.infer<typeof supervision>, SupervisionView>,
  Same<z.infer<typeof user>, UserView>,
  Same<z.infer<typeof queue>, QueueView>,
  Same<z.infer<typeof permission>, Permission>,
  Same<z.infer<typeof timelineEntry>, TimelineEntry>,
  Same<z.infer<typeof auditEntry>, AuditEntry>,
];
/** Does not compile where one of the proofs is `never`. */
export const PROVEN: Proof extends true[] ? true : never = true;
