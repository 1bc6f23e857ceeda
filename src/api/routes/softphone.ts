import { z } from 'zod';
import { HttpProblem } from '../problem.ts';
import { route, type Route } from '../route.ts';
import { softphone } from '../schemas/views.ts';
import type { Softphone } from '../softphone.ts';

export function softphoneRoutes(service: Softphone, now: () => number): Route[] {
  return [
    route({
      method: 'get',
      path: '/me/softphone',
      tag: 'Session',
      summary: 'What a browser needs to be your phone',
      description:
        'For a session alone: a token is a program, and no phone. The account holds HA1 of the digest (RFC 7616) and ' +
        'not the password. Where `available` is false, `off` tells why for programs and `detail` for a person.',
      query: z.object({}),
      status: 200,
      answer: softphone,
      codes: ['forbidden'],
      handle({ identity, req }) {
        if (identity.session === null) {
          throw new HttpProblem('forbidden', 'A softphone belongs to a person: sign in (POST /api/v1/session).');
        }
        return service.of(identity.user, req, now());
      },
    }),
  ];
}
