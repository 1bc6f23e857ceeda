import { z } from 'zod';
import { route, type Route } from '../route.ts';
import { changeSupervision, nothing, startSupervision } from '../schemas/requests.ts';
import { supervision } from '../schemas/views.ts';
import type { Services } from './services.ts';

const tag = 'Supervision';
const supervisionId = z.object({ id: z.string().describe('Id of the supervision') });

export function supervisionRoutes({ control }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/calls/{id}/supervisions',
      tag,
      summary: 'Start to listen, whisper or barge',
      description:
        "Rings the supervisor's phone (R-START-2); answered at once, in the state ringing. " +
        'A refusal for agent_supervised names the holder, one for choose_target the choices.',
      params: z.object({ id: z.string().describe('Id of the call') }),
      body: startSupervision,
      status: 201,
      answer: supervision,
      codes: [
        'not_found',
        'forbidden',
        'agent_supervised',
        'supervisor_busy',
        'own_call',
        'not_available',
        'call_not_monitorable',
        'choose_target',
        'whisper_to_customer',
        'agent_consulting',
        'no_phone',
        'media_unavailable',
      ],
      async handle({ actor, params, body, res }) {
        const { mode, target, phone } = body;
        const request = {
          mode,
          ...(target === undefined ? {} : { target }),
          ...(phone === undefined ? {} : { phone }),
        };
        const started = await control.startSupervision(actor, params.id, request);
        res.setHeader('Location', `/api/v1/supervisions/${encodeURIComponent(started.id)}`);
        return started;
      },
    }),
    route({
      method: 'get',
      path: '/supervisions',
      tag,
      summary: 'Open supervisions that you may see',
      status: 200,
      answer: z.array(supervision),
      handle: ({ actor }) => control.supervisions(actor),
    }),
    route({
      method: 'get',
      path: '/supervisions/{id}',
      tag,
      summary: 'One supervision',
      params: supervisionId,
      status: 200,
      answer: supervision,
      codes: ['not_found'],
      handle: ({ actor, params }) => control.supervision(actor, params.id),
    }),
    route({
      method: 'patch',
      path: '/supervisions/{id}',
      tag,
      summary: 'Switch the mode, pause or resume',
      description: 'Answers when the change is audible.',
      params: supervisionId,
      body: changeSupervision,
      status: 200,
      answer: supervision,
      codes: [
        'not_found',
        'forbidden',
        'paused',
        'whisper_to_customer',
        'agent_supervised',
        'agent_consulting',
        'conflict',
        'media_unavailable',
      ],
      handle({ actor, params, body: { mode, paused } }) {
        const change = { ...(mode === undefined ? {} : { mode }), ...(paused === undefined ? {} : { paused }) };
        return control.changeSupervision(actor, params.id, change);
      },
    }),
    route({
      method: 'delete',
      path: '/supervisions/{id}',
      tag,
      summary: "Stop: the supervisor's phone is hung up",
      params: supervisionId,
      body: nothing,
      status: 200,
      answer: supervision,
      codes: ['not_found', 'forbidden'],
      handle: ({ actor, params }) => control.stopSupervision(actor, params.id),
    }),
  ];
}
