// Shows /api/openapi.json. No library, nothing from elsewhere: control rooms have no internet.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A schema in a few words: names of types, words that are allowed, limits. */
function words(schema) {
  if (!schema) return 'anything';
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.anyOf) return schema.anyOf.map(words).join(' or ');
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.type === 'array') return `list of ${words(schema.items)}`;
  const limits = ['format', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength']
    .filter((name) => schema[name] !== undefined)
    .map((name) => `${name} ${schema[name]}`);
  return [schema.type ?? 'anything', ...limits].join(', ');
}

/** An object's fields, one a row; what a name stands for is looked up once. */
function fields(schema, components) {
  const found = schema?.$ref ? components[schema.$ref.split('/').pop()] : schema;
  if (!found?.properties) return element('p', words(schema));
  const table = element('table');
  for (const [name, one] of Object.entries(found.properties)) {
    const row = element('tr');
    const cell = element('td');
    cell.append(element('code', name));
    row.append(cell, element('td', words(one)), element('td', found.required?.includes(name) ? 'required' : ''));
    table.append(row);
  }
  return table;
}

function operation(method, path, told, components) {
  const box = element('details');
  const summary = element('summary');
  summary.append(
    element('span', method.toUpperCase(), { class: `method ${method}` }),
    element('code', path),
    ` ${told.summary ?? ''}`,
  );
  const inside = element('div');
  if (told.description) inside.append(element('p', told.description));
  if (told.parameters?.length) {
    inside.append(element('h3', 'Parameters'));
    const table = element('table');
    for (const one of told.parameters) {
      const row = element('tr');
      const cell = element('td');
      cell.append(element('code', one.name));
      row.append(cell, element('td', one.in), element('td', words(one.schema)), element('td', one.description ?? ''));
      table.append(row);
    }
    inside.append(table);
  }
  for (const [type, content] of Object.entries(told.requestBody?.content ?? {})) {
    inside.append(element('h3', `Body: ${type}`), fields(content.schema, components));
  }
  inside.append(element('h3', 'Answers'));
  for (const [status, answer] of Object.entries(told.responses)) {
    inside.append(element('p', `${status} ${answer.description ?? ''}`));
    const schema = answer.content?.['application/json']?.schema;
    if (schema) inside.append(fields(schema, components));
  }
  box.append(summary, inside);
  box.dataset.text = `${method} ${path} ${told.summary ?? ''} ${told.description ?? ''}`.toLowerCase();
  return box;
}

function show(document_) {
  const main = document.getElementById('operations');
  const components = document_.components?.schemas ?? {};
  const groups = new Map();
  for (const [path, operations] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((one) => operations[one])) {
      const tag = operations[method].tags?.[0] ?? 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(method, path, operations[method], components));
    }
  }
  for (const [tag, boxes] of groups) {
    const section = element('section');
    section.append(element('h2', tag), ...boxes);
    main.append(section);
  }
  document.getElementById('about').textContent = `Version ${document_.info.version}. The same for programs: /api/openapi.json`;
}

function filter(text) {
  for (const section of document.querySelectorAll('section')) {
    const boxes = [...section.querySelectorAll('details')];
    for (const box of boxes) box.hidden = !box.dataset.text.includes(text);
    section.hidden = boxes.every((box) => box.hidden);
  }
}

document.getElementById('filter').addEventListener('input', (event) => {
  filter(event.target.value.trim().toLowerCase());
});

fetch('/api/openapi.json')
  .then((response) => {
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  })
  .then(show)
  .catch((problem) => {
    document.getElementById('about').textContent = `The document could not be read (${problem.message}). Reload to try again.`;
  });
