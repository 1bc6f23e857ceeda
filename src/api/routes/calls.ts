import { z } from 'zod';
import type { CallView } from '../../call/views.ts';
import type { Actor } from '../../control/service.ts';
import { route, type Route } from '../route.ts';
import { dial, nothing, sentiment, toDestination } from '../schemas/requests.ts';
import { call, timelineEntry } from '../schemas/views.ts';
import { keptCall, keptTimeline } from './archive.ts';
import type { Services } from './services.ts';

const tag = 'Calls';
const callId = z.object({ id: z.string().describe('Id of the call') });

export function callRoutes({ control, archive }: Services): Route[] {
  /** An operation of the agent on the own call: no body, answers with the call as it then is. */
  const agentOperation = (
    name: string,
    summary: string,
    perform: (actor: Actor, id: string) => Promise<CallView>,
  ): Route =>
    route({
      method: 'post',
      path: `/calls/{id}/${name}`,
      tag,
      summary,
      params: callId,
      body: nothing,
      status: 200,
      answer: call,
      codes: ['not_found', 'forbidden', 'conflict'],
      handle: ({ actor, params }) => perform(actor, params.id),
    });

  return [
    route({
      method: 'get',
      path: '/calls',
      tag,
      summary: 'Live calls of your teams, with what you may do with each (R-SEE-1)',
      status: 200,
      answer: z.array(call),
      handle: ({ actor }) => control.calls(actor),
    }),
    route({
      method: 'post',
      path: '/calls',
      tag,
      summary: "Click to dial: rings the agent's phone first, then the number",
      body: dial,
      status: 201,
      answer: call,
      codes: ['not_found', 'forbidden', 'no_phone', 'not_available', 'media_unavailable'],
      async handle({ actor, body, res }) {
        const made = await control.dial(actor, body.agent, body.to, body.phone);
        res.setHeader('Location', `/api/v1/calls/${encodeURIComponent(made.id)}`);
        return made;
      },
    }),
    route({
      method: 'get',
      path: '/calls/{id}',
      tag,
      summary: 'One call',
      params: callId,
      status: 200,
      answer: call,
      codes: ['not_found'],
      handle: ({ actor, identity, params }) =>
        keptCall(archive, identity.user, params.id, () => control.call(actor, params.id)),
    }),
    route({
      method: 'get',
      path: '/calls/{id}/timeline',
      tag,
      summary: 'What has happened in a call, with times and persons (R-SEE-3)',
      params: callId,
      status: 200,
      answer: z.array(timelineEntry),
      codes: ['not_found'],
      handle: ({ actor, identity, params }) =>
        keptTimeline(archive, identity.user, params.id, () => control.timeline(actor, params.id)),
    }),
    agentOperation('hold', 'Put the customer on hold', (actor, id) => control.hold(actor, id)),
    agentOperation('resume', 'Take the customer back', (actor, id) => control.resume(actor, id)),
    route({
      method: 'post',
      path: '/calls/{id}/consult',
      tag,
      summary: 'Talk to someone apart while the customer hears music',
      description: 'Answers as soon as the other phone is being rung.',
      params: callId,
      body: toDestination,
      status: 200,
      answer: call,
      codes: ['not_found', 'forbidden', 'conflict', 'no_phone', 'not_available', 'media_unavailable'],
      handle: ({ actor, params, body }) => control.consult(actor, params.id, body.to),
    }),
    agentOperation('consult/complete', 'Attended transfer: the one consulted stays with the customer', (actor, id) =>
      control.consultComplete(actor, id),
    ),
    agentOperation('consult/cancel', 'Back to the customer', (actor, id) => control.consultCancel(actor, id)),
    agentOperation('conference', 'Take the one consulted into the conversation', (actor, id) =>
      control.conference(actor, id),
    ),
    agentOperation('hangup', 'Leave the call', (actor, id) => control.hangup(actor, id)),
    route({
      method: 'put',
      path: '/calls/{id}/sentiment',
      tag,
      summary: 'Set how the customer feels, as an outside service has judged it (R-SEE-6)',
      params: callId,
      body: sentiment,
      status: 200,
      answer: call,
      codes: ['not_found', 'forbidden', 'conflict'],
      handle: ({ actor, params, body }) => control.setSentiment(actor, params.id, body.value),
    }),
  ];
}
