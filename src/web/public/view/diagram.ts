/**
 * Who hears whom, drawn from `participants[].hears`: an arrow leads from the one who is heard to the one who hears. The
 * list beneath says the same in words; the drawing is for the eye.
 */
import { html, nothing, svg, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { CallView, ParticipantView } from '../../../call/views.ts';
import { state } from '../state.ts';
import { list, t } from '../text/index.ts';
import { initials } from './parts.ts';

const WIDTH = 360;
const HEIGHT = 212;
const RADIUS = 25;
/** dBov above which somebody is taken to talk. */
export const TALKING = -45;

interface Node {
  readonly p: ParticipantView;
  readonly x: number;
  readonly y: number;
}

export function present(call: CallView): readonly ParticipantView[] {
  return call.participants.filter((p) => p.state !== 'left');
}

export function nameOf(p: ParticipantView): string {
  if (p.userId !== null && p.userId === state.me?.id) return t('who.you');
  return p.name === '' ? p.address : p.name;
}

/** Supervisors above, the conversation below. */
function place(call: CallView): Node[] {
  const people = present(call);
  const above = people.filter((p) => p.role === 'supervisor');
  const below = people.filter((p) => p.role !== 'supervisor');
  const spread = (row: readonly ParticipantView[], y: number): Node[] =>
    row.map((p, i) => ({ p, y, x: row.length === 1 ? WIDTH / 2 : 62 + (i * (WIDTH - 124)) / (row.length - 1) }));
  return above.length === 0 ? spread(below, 48) : [...spread(below, 146), ...spread(above, 40)];
}

export function diagram(call: CallView): TemplateResult {
  const nodes = place(call);
  if (nodes.length === 0) return html`<p class="faint">${t('hears.none')}</p>`;
  const height = nodes.some(({ p }) => p.role === 'supervisor') ? HEIGHT : 114;
  const at = new Map(nodes.map((node) => [node.p.id, node]));
  const arrows = nodes.flatMap((listener) =>
    listener.p.hears.flatMap((id) => {
      const source = at.get(id);
      return source === undefined ? [] : [{ key: `${id} ${listener.p.id}`, source, listener }];
    }),
  );
  return html`<figure class="diagram">
    <svg viewBox="0 0 ${WIDTH} ${height}" aria-hidden="true" focusable="false">
      ${repeat(
        arrows,
        ({ key }) => key,
        ({ source, listener }) => arrow(source, listener),
      )}
      ${repeat(
        nodes,
        ({ p }) => p.id,
        (node) => person(node),
      )}
    </svg>
    <figcaption class="hidden">
      <ul>
        ${nodes.map(({ p }) => html`<li>${sentence(p, at)}</li>`)}
      </ul>
    </figcaption>
  </figure>`;
}

function sentence(p: ParticipantView, at: ReadonlyMap<string, Node>): string {
  const sources = p.hears.flatMap((id) => {
    if (id === 'music') return [t('who.music')];
    const node = at.get(id);
    return node === undefined ? [] : [nameOf(node.p)];
  });
  const listener = nameOf(p);
  return sources.length === 0
    ? t('hears.nobody', { listener })
    : t('hears.sentence', { listener, sources: list(sources) });
}

export function isTalking(id: string): boolean {
  return (state.levels?.get(id) ?? -127) > TALKING;
}

/** A line bent to its right, so that both directions can be told apart; it ends before the circle of the listener. */
function arrow(source: Node, listener: Node): TemplateResult {
  const [dx, dy] = [listener.x - source.x, listener.y - source.y];
  const length = Math.hypot(dx, dy);
  const [ux, uy] = [dx / length, dy / length];
  const gap = RADIUS + 7;
  const aside = 9;
  const from = { x: source.x + ux * gap - uy * aside, y: source.y + uy * gap + ux * aside };
  const to = { x: listener.x - ux * gap - uy * aside, y: listener.y - uy * gap + ux * aside };
  const bend = Math.min(26, length / 9);
  const mid = { x: (from.x + to.x) / 2 - uy * bend, y: (from.y + to.y) / 2 + ux * bend };
  // The head lies along the end of the curve.
  const angle = Math.atan2(to.y - mid.y, to.x - mid.x);
  const head = [angle + 2.6, 0, angle - 2.6].map((turn, i) => {
    const reach = i === 1 ? 0 : 8;
    return `${(to.x + Math.cos(turn) * reach).toFixed(1)},${(to.y + Math.sin(turn) * reach).toFixed(1)}`;
  });
  const point = ({ x, y }: { x: number; y: number }): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const kind = source.p.role === 'supervisor' || listener.p.role === 'supervisor' ? 'supervisor' : 'party';
  return svg`<g class="arrow ${kind} ${isTalking(source.p.id) ? 'talking' : ''}">
    <path d="M${point(from)} Q${point(mid)} ${point(to)}"/><polygon points="${head.join(' ')}"/>
  </g>`;
}

function person({ p, x, y }: Node): TemplateResult {
  const rest = p.state === 'connected' ? '' : p.state;
  const role = p.state === 'connected' ? roleText(p) : t(p.state === 'ringing' ? 'who.ringing' : 'who.held');
  return svg`<g class="node ${p.role} ${rest} ${isTalking(p.id) ? 'talking' : ''}" transform="translate(${x} ${y})">
    <circle class="halo" r="${RADIUS + 4}"/><circle r="${RADIUS}"/>
    <text class="initials" dy="5">${initials(p.name === '' ? p.address : p.name)}</text>
    ${p.role === 'supervisor' ? beside(nameOf(p), role, x) : beneath(nameOf(p), role)}
    ${p.hears.includes('music') ? svg`<g class="music" transform="translate(${RADIUS - 6} ${4 - RADIUS})"><circle r="10"/><text dy="4.5">♪</text></g>` : nothing}
  </g>`;
}

function beneath(name: string, role: string): TemplateResult {
  return svg`<text y="${RADIUS + 18}">${short(name)}</text><text class="role" y="${RADIUS + 33}">${role}</text>`;
}

/** Above the conversation the arrows go down; so the name stands at the side that has room. */
function beside(name: string, role: string, x: number): TemplateResult {
  const right = x <= WIDTH / 2;
  const at = right ? RADIUS + 10 : -RADIUS - 10;
  const side = right ? 'start' : 'end';
  return svg`<text class=${side} x=${at} y="-13">${short(name)}</text><text class="role ${side}" x=${at} y="2">${role}</text>`;
}

export function roleText(p: ParticipantView): string {
  return p.role === 'supervisor' && p.mode !== undefined ? t(`mode.${p.mode}`) : t(`who.${p.role}`);
}

function short(name: string): string {
  return name.length > 15 ? `${name.slice(0, 14)}…` : name;
}
