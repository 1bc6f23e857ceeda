import { permissionsOf, teamsOf } from '../../control/directory.ts';
import type { Identity } from '../auth.ts';
import { route, type Route } from '../route.ts';
import { nothing, signIn } from '../schemas/requests.ts';
import { me, permission } from '../schemas/views.ts';
import type { Services } from './services.ts';

export function sessionRoutes({ auth, config, control, events, levels, webrtc }: Services): Route[] {
  const meOf = ({ user }: Identity): unknown => ({
    id: user.id,
    name: user.name,
    role: user.role,
    permissions: user.role === 'admin' ? permission.options : permissionsOf(user),
    teams: user.role === 'admin' ? config.teams.map((team) => team.id) : teamsOf(user),
    extension: user.extension,
    domain: config.sip.domain,
    webrtc,
  });
  return [
    route({
      method: 'post',
      path: '/session',
      tag: 'Session',
      summary: 'Sign in. The answer sets a cookie (HttpOnly, SameSite=Strict)',
      body: signIn,
      status: 201,
      answer: me,
      codes: ['unauthorized', 'forbidden'],
      auth: 'none',
      handle: ({ req, res, body }) => meOf(auth.signIn(req, res, body.username, body.password)),
    }),
    route({
      method: 'delete',
      path: '/session',
      tag: 'Session',
      summary: 'Sign out',
      description: 'Refused with supervision_open while a supervision of yours is open (R-FLOW-5).',
      body: nothing,
      status: 204,
      answer: null,
      codes: ['supervision_open', 'forbidden'],
      handle({ actor, identity, res }) {
        control.assertMaySignOut(actor);
        auth.signOut(res, identity);
        if (identity.session === null) return;
        events.endSession(identity.session.key);
        levels.endSession(identity.session.key);
      },
    }),
    route({
      method: 'get',
      path: '/me',
      tag: 'Session',
      summary: 'Who you are and what you may do',
      status: 200,
      answer: me,
      handle: ({ identity }) => meOf(identity),
    }),
  ];
}
