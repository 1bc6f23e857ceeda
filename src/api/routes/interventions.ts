import { z } from 'zod';
import { route, type Route } from '../route.ts';
import { assign, nothing, takeover, toDestination } from '../schemas/requests.ts';
import { assignedCall, call } from '../schemas/views.ts';
import type { Services } from './services.ts';

const tag = 'Interventions';
const params = z.object({ id: z.string().describe('Id of the call') });

/** R-ACT-1 to 5. */
export function interventionRoutes({ control }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/calls/{id}/takeover',
      tag,
      summary: 'Take over: the agent is disconnected, you talk to the customer (R-ACT-1)',
      params,
      body: takeover,
      status: 200,
      answer: call,
      codes: [
        'not_found',
        'forbidden',
        'barged',
        'agent_supervised',
        'own_call',
        'no_phone',
        'not_available',
        'call_not_monitorable',
        'media_unavailable',
      ],
      handle: ({ actor, params: { id }, body }) => control.takeover(actor, id, body?.phone),
    }),
    route({
      method: 'post',
      path: '/calls/{id}/transfer',
      tag,
      summary: 'Transfer to an agent, a queue or a number, without the consent of the agent (R-ACT-2, R-ACT-3)',
      description:
        'Where nobody takes it the call goes back to its queue; a call without a queue rings whoever had it, and ends ' +
        '(`transfer_failed`) only where that comes to nothing too.',
      params,
      body: toDestination,
      status: 200,
      answer: call,
      codes: ['not_found', 'forbidden', 'barged', 'not_transferable', 'not_available', 'no_phone', 'conflict'],
      handle: ({ actor, params: { id }, body }) => control.transfer(actor, id, body.to),
    }),
    route({
      method: 'post',
      path: '/calls/{id}/assign',
      tag,
      summary: 'Give an open call to an agent or to another queue (R-ACT-4)',
      params,
      body: assign,
      status: 200,
      answer: assignedCall,
      codes: ['not_found', 'forbidden', 'not_assignable', 'not_available', 'capacity_exceeded', 'no_phone'],
      handle: ({ actor, params: { id }, body }) => control.assign(actor, id, body.to, body.override),
    }),
    route({
      method: 'post',
      path: '/calls/{id}/end',
      tag,
      summary: 'Disconnect everyone and close the call (R-ACT-5)',
      params,
      body: nothing,
      status: 200,
      answer: call,
      codes: ['not_found', 'forbidden', 'barged', 'conflict'],
      handle: ({ actor, params: { id } }) => control.end(actor, id),
    }),
  ];
}
