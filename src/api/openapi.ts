/** The OpenAPI 3.1 document, made of the routes that are served and of nothing else. */
import { z } from 'zod';
import type { Route } from './route.ts';
import { STATUS } from './problem.ts';
import { requests } from './schemas/requests.ts';
import { answers } from './schemas/views.ts';

type Json = Record<string, unknown>;

export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly tags: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json };
  readonly security: readonly Json[];
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Json[];
  readonly requestBody?: Json;
  readonly responses: Readonly<Record<string, Json>>;
  readonly security?: readonly Json[];
}

const uri = (id: string): string => `#/components/schemas/${id}`;

export function openApiOf(routes: readonly Route[], version: string): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const spec of routes) (paths[spec.path] ??= {})[spec.method] = operation(spec);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Earshot',
      version,
      description:
        'Live calls, their supervision and what may be done with them. Errors are application/problem+json (RFC 9457) ' +
        'with a stable `code`. All times are ISO 8601 in UTC.',
    },
    servers: [{ url: '/api/v1' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...components(answers, 'output'), ...components(requests, 'input') },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'earshot_session' },
      },
    },
    security: [{ token: [] }, { session: [] }],
  };
}

/** The registered schemas; those in use and those they refer to. */
function components(registry: typeof answers, io: 'input' | 'output'): Record<string, Json> {
  const { schemas } = z.toJSONSchema(registry, { uri, io, override: open(io) });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema as Json)]));
}

/** Answers may gain members in a later version, so the document does not close them. */
function open(io: 'input' | 'output'): (context: { jsonSchema: Json }) => void {
  return ({ jsonSchema }) => {
    if (io === 'output' && jsonSchema['additionalProperties'] === false) delete jsonSchema['additionalProperties'];
  };
}

function bare(schema: Json): Json {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== '$schema' && name !== '$id'));
}

/** A registered schema by reference, an array of one likewise, anything else in place. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const id = (io === 'output' ? answers : requests).get(schema)?.id;
  if (id !== undefined) return { $ref: uri(id) };
  if (schema instanceof z.ZodArray) return { type: 'array', items: schemaOf(schema.element as z.ZodType, io) };
  return bare(z.toJSONSchema(schema, { io, override: open(io) }));
}

function operation(spec: Route): Operation {
  const parameters = [...parametersOf(spec.params, 'path'), ...parametersOf(spec.query, 'query')];
  const content = (): Json => {
    if (spec.mediaType !== undefined) return { [spec.mediaType]: { schema: { type: 'string' } } };
    return spec.answer === null ? {} : { 'application/json': { schema: schemaOf(spec.answer, 'output') } };
  };
  const success: Json = { description: 'Done' };
  if (spec.answer !== null || spec.mediaType !== undefined) success['content'] = content();
  const hasBody = spec.body !== undefined && requests.get(spec.body) !== undefined;
  return {
    operationId: `${spec.method}${spec.path.replaceAll(/[/{}.-]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`,
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(spec.body, 'input') } } } }
      : {}),
    responses: { [spec.status]: success, ...problems(spec) },
    ...(spec.auth === 'none' ? { security: [] } : {}),
  };
}

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (!(schema instanceof z.ZodObject)) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: property,
  }));
}

/** The refusals of an operation, by status, with the codes that it may have. */
function problems(spec: Route): Record<string, Json> {
  const codes = new Set<keyof typeof STATUS>(spec.codes ?? []);
  if (spec.auth !== 'none') codes.add('unauthorized');
  if (spec.body !== undefined || spec.query !== undefined) codes.add('invalid_request');
  codes.add('too_many_requests');
  const byStatus = Map.groupBy(codes, (code) => STATUS[code]);
  const entries = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    entries.map(([status, list]) => [
      String(status),
      {
        description: list.map((code) => `\`${code}\``).join(', '),
        content: { 'application/problem+json': { schema: { $ref: uri('Problem') } } },
      },
    ]),
  );
}
