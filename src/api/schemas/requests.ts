/** What the API takes: validation, types and OpenAPI from one source. Unknown members are refused: they are mistakes. */
import { z } from 'zod';
import { agentState, mode } from './views.ts';

/** Schemas of request bodies, by component name. */
export const requests = z.registry<{ id: string }>();

const number = z.string().min(1).max(64).describe('Extension, queue number or telephone number');

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
  .strictObject({ agent: z.string().min(1).max(64).describe('Id of the agent'), to: number })
  .register(requests, { id: 'Dial' });

export const startSupervision = z
  .strictObject({
    mode,
    target: z.string().min(1).max(100).optional().describe('agent (default), customer, or the id of a participant'),
    phone: number.optional().describe("Extension or number to ring; default: the supervisor's own phone"),
  })
  .register(requests, { id: 'StartSupervision' });

export const changeSupervision = z
  .strictObject({ mode: mode.optional(), paused: z.boolean().optional() })
  .refine((change) => change.mode !== undefined || change.paused !== undefined, 'mode, paused or both')
  .register(requests, { id: 'ChangeSupervision' });
