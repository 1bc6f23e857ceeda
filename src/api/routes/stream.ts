import { z } from 'zod';
import { lastEventId } from '../events.ts';
import { route, type Route } from '../route.ts';
import type { Services } from './services.ts';

export function streamRoutes({ events, levels }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/events',
      tag: 'Events',
      summary: 'Every change that you may see, as server-sent events with ids',
      description:
        'Each event has its id, its type as `event`, and as `data` the JSON {id, at, type, callId?, data}. ' +
        'A client that reconnects with Last-Event-ID (or ?lastEventId=) gets what it missed; ' +
        'where that is no longer kept, an event `reset` tells it to read everything anew.',
      query: z.object({
        lastEventId: z.coerce.number().int().min(0).optional().describe('As the header Last-Event-ID'),
      }),
      status: 200,
      answer: null,
      mediaType: 'text/event-stream',
      handle({ req, res, identity, query }) {
        events.open(req, res, identity, lastEventId(req, query.lastEventId));
      },
    }),
    route({
      method: 'get',
      path: '/calls/{id}/levels',
      tag: 'Events',
      summary: 'How loud everybody in a call is, some times a second, as server-sent events',
      description:
        'Each event `levels` has as `data` the JSON {participant id: dBov}, from -127 (silence) to 0. The events have no ' +
        'ids and are not repeated. The stream ends with the call.',
      params: z.object({ id: z.string().describe('Id of the call') }),
      status: 200,
      answer: null,
      mediaType: 'text/event-stream',
      codes: ['not_found', 'conflict'],
      handle({ req, res, identity, params }) {
        levels.open(req, res, identity, params.id);
      },
    }),
  ];
}
