/** /docs: the OpenAPI document as a page. Plain HTML and one style sheet: no script, nothing from another host. */
import type { OpenApi, Operation } from './openapi.ts';

type Json = Readonly<Record<string, unknown>>;

export const DOCS_CSP =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function docsPage(document: OpenApi): string {
  const sections = document.tags.map(({ name }) => {
    const tag = String(name);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => operation.tags.includes(tag))
        .map(([method, operation]) => operationHtml(method, path, operation)),
    );
    return `<section><h2 id="${slug(tag)}">${escape(tag)}</h2>${operations.join('')}</section>`;
  });
  const names = Object.keys(document.components.schemas).sort();
  const schemas = names.map(
    (name) =>
      `<section class="schema" id="schema-${slug(name)}"><h3>${escape(name)}</h3>` +
      `${schemaHtml(document.components.schemas[name]!)}</section>`,
  );
  const contents = [...document.tags.map(({ name }) => String(name)), 'Shapes'].map(
    (name) => `<li><a href="#${slug(name)}">${escape(name)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Earshot API</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header><h1>Earshot API <small>${escape(String(document.info['version']))}</small></h1>
<p>${codes(String(document.info['description']))}</p>
<p>Base: <code>${escape(String(document.servers[0]?.['url']))}</code>. Sign in with <code>Authorization: Bearer TOKEN</code>,
or with the cookie of <code>POST /session</code>. For programs: <a href="/api/v1/openapi.json">openapi.json</a>.</p>
<nav aria-label="Contents"><ul>${contents.join('')}</ul></nav></header>
<main>${sections.join('\n')}
<h2 id="shapes">Shapes</h2>${schemas.join('\n')}</main>
</body>
</html>
`;
}

function operationHtml(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).map(
    (parameter) =>
      `<tr><td><code>${escape(String(parameter['name']))}</code></td><td>${escape(String(parameter['in']))}</td>` +
      `<td>${typeHtml(parameter['schema'])}</td></tr>`,
  );
  const body = schemaOfContent(operation.requestBody?.['content']);
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const schema = schemaOfContent(response['content']);
    const description = codes(String(response['description']));
    return `<tr><td>${escape(status)}</td><td>${description}</td><td>${schema === null ? '' : typeHtml(schema)}</td></tr>`;
  });
  return (
    `<article><h3><span class="method ${escape(method)}">${escape(method.toUpperCase())}</span> ` +
    `<code>${escape(path)}</code></h3><p>${codes(operation.summary)}</p>` +
    (operation.description === undefined ? '' : `<p>${codes(operation.description)}</p>`) +
    (parameters.length === 0 ? '' : `<table><caption>Parameters</caption>${parameters.join('')}</table>`) +
    (body === null ? '' : `<p>Body: ${typeHtml(body)}</p>`) +
    `<table><caption>Answers</caption>${responses.join('')}</table></article>`
  );
}

function schemaOfContent(content: unknown): Json | null {
  if (!isJson(content)) return null;
  const media = Object.values(content)[0];
  const schema = isJson(media) ? media['schema'] : null;
  return isJson(schema) ? schema : null;
}

function schemaHtml(schema: Json): string {
  const properties = schema['properties'];
  const text = typeof schema['description'] === 'string' ? `<p>${escape(schema['description'])}</p>` : '';
  if (!isJson(properties)) return `${text}<p>${typeHtml(schema)}</p>`;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const rows = Object.entries(properties).map(([name, property]) => {
    const description = isJson(property) && typeof property['description'] === 'string' ? property['description'] : '';
    const optional = required.includes(name) ? '' : ' <small>optional</small>';
    return `<tr><td><code>${escape(name)}</code>${optional}</td><td>${typeHtml(property)}</td><td>${codes(description)}</td></tr>`;
  });
  return `${text}<table>${rows.join('')}</table>`;
}

/** The type of a schema in a few words; named ones as links. */
function typeHtml(schema: unknown): string {
  if (!isJson(schema)) return 'anything';
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = reference.slice(reference.lastIndexOf('/') + 1);
    return `<a href="#schema-${slug(name)}">${escape(name)}</a>`;
  }
  if (Array.isArray(schema['enum'])) {
    return schema['enum'].map((value) => `<code>${escape(String(value))}</code>`).join(' ');
  }
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map(typeHtml).join(' or ');
  if (schema['type'] === 'array') return `list of ${typeHtml(schema['items'])}`;
  if (isJson(schema['properties'])) {
    const members = Object.entries(schema['properties']).map(
      ([name, property]) => `<code>${escape(name)}</code>: ${typeHtml(property)}`,
    );
    return `{ ${members.join(', ')} }`;
  }
  const format = typeof schema['format'] === 'string' ? ` (${schema['format']})` : '';
  return escape(`${typeof schema['type'] === 'string' ? schema['type'] : 'anything'}${format}`);
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function codes(text: string): string {
  return escape(text).replaceAll(/`([^`]*)`/g, '<code>$1</code>');
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export const DOCS_STYLE = `:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
code { font: 0.9em ui-monospace, monospace; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; list-style: none; padding: 0; }
article, .schema { border: 1px solid var(--line); border-radius: 0.5rem; margin: 1rem 0; padding: 0 1rem 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
caption { font-weight: 600; text-align: left; }
td { border-top: 1px solid var(--line); padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top; }
.method { background: var(--soft); border: 1px solid var(--line); border-radius: 0.25rem; font: 600 0.8em ui-monospace, monospace; padding: 0.1rem 0.4rem; }
.post, .put, .patch { border-color: #2a7; }
.delete { border-color: #c44; }
small { font-weight: 400; opacity: 0.75; }
`;
