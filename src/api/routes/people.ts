import { z } from 'zod';
import { route, type Route } from '../route.ts';
import { setState } from '../schemas/requests.ts';
import { queue, user } from '../schemas/views.ts';
import type { Services } from './services.ts';

const agentId = z.object({ id: z.string().describe('Id of the agent') });

export function peopleRoutes({ control }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/agents',
      tag: 'People and queues',
      summary: 'The agents of your teams',
      status: 200,
      answer: z.array(user),
      handle: ({ actor }) => control.agents(actor),
    }),
    route({
      method: 'put',
      path: '/agents/{id}/state',
      tag: 'People and queues',
      summary: 'Set the state of an agent: your own, or as a supervisor that of an agent of your teams',
      params: agentId,
      body: setState,
      status: 200,
      answer: user,
      codes: ['not_found', 'forbidden', 'conflict'],
      handle: ({ actor, params, body }) => control.setAgentState(actor, params.id, body.state, body.reason),
    }),
    route({
      method: 'get',
      path: '/supervisors',
      tag: 'People and queues',
      summary: 'Supervisors and administrators',
      status: 200,
      answer: z.array(user),
      handle: ({ actor }) => control.supervisors(actor),
    }),
    route({
      method: 'get',
      path: '/queues',
      tag: 'People and queues',
      summary: 'Queues, with who waits and who is free',
      status: 200,
      answer: z.array(queue),
      handle: ({ actor }) => control.queues(actor),
    }),
  ];
}
