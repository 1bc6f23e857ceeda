/** What the API takes: validation, types and OpenAPI from one source. Unknown members are refused: they are mistakes. */
import { z } from 'zod';
import { agentState, mode } from './views.ts';

/** Schemas of request bodies, by component name. */
export const requests = z.registry<{ id: string }>();

const number = z.string().min(1).max(64).describe('Extension, queue number or telephone number');
const digits = z
  .string()
  .regex(/^\+?[\d*#]{1,63}$/, 'an extension or a telephone number')
  .describe('Short for number');

const phoneKind = z
  .enum(['browser', 'desk'])
  .describe(
    'Rings the own phones of one kind only; default: all that are registered, the first to answer has the call',
  );

export const nothing = z.strictObject({}).optional();

export const signIn = z
  .strictObject({
    username: z.string().min(1).max(64).describe('User id or extension'),
    password: z.string().min(1).max(256),
  })
  .register(requests, { id: 'SignIn' });

export const setState = z
  .strictObject({ state: agentState, reason: z.string().max(200).optional() })
  .register(requests, { id: 'SetAgentState' });

export const dial = z
  .strictObject({
    agent: z.string().min(1).max(64).describe('Id of the agent'),
    to: z.union([number, z.strictObject({ number }).transform((to) => to.number)]),
    phone: phoneKind.optional(),
  })
  .register(requests, { id: 'Dial' });

export const startSupervision = z
  .strictObject({
    mode,
    target: z.string().min(1).max(100).optional().describe('agent (default), customer, or the id of a participant'),
    phone: z
      .union([phoneKind, number])
      .optional()
      .describe(
        'Extension or number to ring, or `browser` or `desk` for own phones of one kind; ' +
          'default: all own phones, the first to answer has the call',
      ),
  })
  .register(requests, { id: 'StartSupervision' });

export const takeover = z
  .strictObject({ phone: phoneKind.optional() })
  .register(requests, { id: 'TakeOver' })
  .optional();

export const changeSupervision = z
  .strictObject({ mode: mode.optional(), paused: z.boolean().optional() })
  .refine((change) => change.mode !== undefined || change.paused !== undefined, 'mode, paused or both')
  .register(requests, { id: 'ChangeSupervision' });

const userId = z.string().min(1).max(64);
const destination = z
  .union([
    z.strictObject({ agent: userId.describe('Id of a user') }),
    z.strictObject({ queue: userId.describe('Id of a queue') }),
    z.strictObject({ number }),
    digits.transform((text) => ({ number: text })),
  ])
  .describe('One of agent, queue and number')
  .register(requests, { id: 'Destination' });

export const toDestination = z.strictObject({ to: destination }).register(requests, { id: 'To' });

export const assign = z
  .strictObject({
    to: destination,
    override: z.boolean().default(false).describe("Whatever the agent's state and capacity"),
  })
  .register(requests, { id: 'Assign' });

export const sentiment = z
  .strictObject({ value: z.number().min(-1).max(1).nullable().describe('From -1 to 1; null: unknown') })
  .register(requests, { id: 'Sentiment' });

const time = z
  .string()
  .regex(
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/,
    'a date, or a date and time with its zone',
  )
  .refine((text) => !Number.isNaN(Date.parse(text)), 'a date that exists')
  .transform((text) => new Date(text).toISOString());
const page = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.coerce.number().int().min(0).optional().describe('`next` of the page before'),
};
const name = z.string().min(1).max(100).optional();

const historyFilters = {
  from: time.optional().describe('Calls that began then or later'),
  to: time.optional().describe('Calls that began before'),
  agent: name.describe('Id of the agent'),
  queue: name.describe('Id of the queue'),
  direction: z.enum(['inbound', 'outbound', 'internal']).optional(),
  supervised: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
  q: name.describe('Part of a number or name of anyone in the call'),
};

export const historySearch = z.strictObject({ ...historyFilters, ...page });
export const historyExport = z.strictObject(historyFilters);

export const auditSearch = z.strictObject({
  supervisor: name.describe('Id of the supervisor'),
  call: name.describe('Id of the call'),
  supervision: name.describe('Id of the supervision'),
  from: time.optional(),
  to: time.optional(),
  ...page,
});
