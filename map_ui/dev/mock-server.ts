/**
 * A stand-in for the server while the screen is developed alone: `MOCK=1 npm run dev`. Never part of the build.
 * It keeps its incidents in memory, raises one every few seconds, and knows no tiles.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Connect, Plugin } from 'vite';
import type { Alarm, Category, Change, Division, Incident, Priority, Tier } from '../src/model/documents.ts';

const WEST = 110.4;
const SOUTH = 33.7;
const KINDS: readonly [Category, Priority][] = [
  ['panic', 1],
  ['burglary', 3],
  ['burglary', 3],
  ['holdup', 2],
  ['tamper', 4],
  ['power', 4],
  ['information', 5],
];
const NAMES = ['孟村王建国家', '函谷关小卖部', '灵宝农商银行营业部', '苏村养殖场', '阳光小区3号楼'];

export function mockServer(): Plugin {
  const divisions = readDivisions();
  const villages = divisions.filter((division) => division.tier === 4);
  const incidents = new Map<number, Incident>();
  const alarms = new Map<number, Alarm>();
  const listeners = new Set<ServerResponse>();
  const log: Change[] = [];
  let signedIn = true;

  const emit = (kind: 'incident' | 'alarm', document: Incident | Alarm) => {
    const change = {
      seq: log.length + 1,
      at: new Date().toISOString(),
      kind,
      id: document.id,
      version: document.version,
      document,
    } as Change;
    log.push(change);
    for (const response of listeners) send(response, 'change', change);
  };

  const raise = (agoS = 0) => {
    const id = 1000 + incidents.size + 1;
    const village = villages[(id * 397) % villages.length];
    const kind = KINDS[id % KINDS.length];
    if (!village || !kind) return;
    const at = new Date(Date.now() - agoS * 1000).toISOString();
    const placed = {
      position: id % 11 === 0 ? null : village.label_point,
      grid_cell: `${village.code}-001`,
      county: `${village.code.slice(0, 6)}000000`,
      township: `${village.code.slice(0, 9)}000`,
      village: village.code,
      organisation_id: null,
    };
    const incident: Incident = {
      id,
      version: 1,
      source: 'device',
      state: 'new',
      category: kind[0],
      priority: kind[1],
      verification_level: 1,
      title: '',
      site: {
        id,
        name: NAMES[id % NAMES.length] ?? '',
        kind: 'household',
        address: '',
        unit: id % 5 === 4 ? `${id % 6}单元${id % 9}01` : '',
        synthetic: true,
      },
      ...placed,
      opened_at: at,
      last_alarm_at: at,
      alarm_count: 1,
      active_alarm_count: id % 3 === 0 ? 0 : 1,
      handler: null,
      acknowledged_at: null,
      dispatched_at: null,
      on_scene_at: null,
      resolved_at: null,
      closed_at: null,
      disposition: null,
      reopened_count: 0,
    };
    incidents.set(id, incident);
    emit('incident', incident);
  };
  const n = Number(process.env['MOCK_OPEN'] ?? 12);
  for (let i = 0; i < n; i += 1) raise((n - i) * 17);

  const step = (id: number, changes: Partial<Incident>) => {
    const before = incidents.get(id);
    if (!before) return null;
    const after = { ...before, ...changes, version: before.version + 1 };
    incidents.set(id, after);
    emit('incident', after);
    return after;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse, path: string) => {
    const method = request.method ?? 'GET';
    const now = new Date().toISOString();
    if (path === '/session') {
      if (method === 'DELETE') signedIn = false;
      if (method === 'POST') signedIn = true;
      return signedIn ? json(response, SESSION) : json(response, { type: 'about:blank', status: 401 }, 401);
    }
    if (path.startsWith('/divisions')) return json(response, { items: divisions, links: [] });
    if (path === '/live/snapshot') {
      const open = [...incidents.values()].filter((incident) => incident.closed_at === null);
      return json(response, { seq: log.length, now, incidents: open, alarms: [...alarms.values()] });
    }
    if (path.startsWith('/live')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      const after = Number(new URL(path, 'http://mock').searchParams.get('after'));
      for (const change of log.slice(after)) send(response, 'change', change);
      send(response, 'heartbeat', { seq: log.length, now });
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      return undefined;
    }
    const body = (await readBody(request)) as { ids?: number[]; disposition?: Incident['disposition'] };
    const me = { id: 1, name: '李值班' };
    if (path === '/incidents/acknowledge') {
      for (const id of body.ids ?? []) step(id, { state: 'acknowledged', handler: me, acknowledged_at: now });
      return json(response, { done: body.ids, refused: [] });
    }
    const [, , idText = '', action] = path.split('/');
    const id = Number(idText);
    switch (action) {
      case undefined:
        return json(response, {
          ...incidents.get(id),
          alarms: [],
          devices: [],
          cameras: [],
          pictures: [],
          contacts: [
            { id: 1, name: '王建国', relation: 'owner', call_order: 1, phone_masked: '138****5678' },
          ],
          entries: [
            { id: 1, at: incidents.get(id)?.opened_at, user: null, kind: 'opened', text: '', details: {} },
          ],
          history: { incidents_90d: 3, false_90d: 2, last: [] },
        });
      case 'acknowledge':
        return json(response, step(id, { state: 'acknowledged', handler: me, acknowledged_at: now }));
      case 'dispatch':
        return json(response, step(id, { state: 'dispatched', handler: me, dispatched_at: now }));
      case 'close':
        return json(
          response,
          step(id, { state: 'closed', closed_at: now, disposition: body.disposition ?? null }),
        );
      default:
        return json(response, { type: '/problems/wrong-state', title: 'mock', status: 409 }, 409);
    }
  };

  const serve = (middlewares: Connect.Server) => {
    setInterval(() => raise(), 8000).unref();
    setInterval(() => {
      for (const response of listeners)
        send(response, 'heartbeat', { seq: log.length, now: new Date().toISOString() });
    }, 5000).unref();
    middlewares.use('/api/v1', (request, response) => {
      void handle(request, response, request.url ?? '');
    });
    middlewares.use('/tiles', (_request, response) => {
      response.writeHead(204).end();
    });
  };
  return {
    name: 'lianfang-mock',
    configureServer: (server) => serve(server.middlewares),
    configurePreviewServer: (server) => serve(server.middlewares),
  };
}

function readDivisions(): Division[] {
  const file = new URL('../../gis/data/411200_divisions_2023.csv', import.meta.url);
  return readFileSync(file, 'utf8')
    .trim()
    .split(/\r?\n/u)
    .slice(1)
    .map((line, index) => {
      const [code = '', tier = '4', name = '', name_latin = '', parent = ''] = line.split(',');
      const point: [number, number] = [WEST + (index % 47) * 0.034, SOUTH + Math.floor(index / 47) * 0.042];
      return {
        code,
        tier: Number(tier) as Tier,
        name,
        name_latin: name_latin || null,
        parent_code: parent || null,
        has_boundary: false,
        synthetic: false,
        label_point: tier === '1' ? null : point,
        bounds: null,
      };
    });
}

const SESSION = {
  user: { id: 1, username: 'li', display_name: '李值班', locale: 'zh' },
  grants: [
    { role: 'dispatcher', division_code: '411200000000', division_name: '三门峡市', organisation_id: null },
  ],
  may: {},
  installation: {
    name: '三门峡市',
    city_code: '411200000000',
    time_zone: 'Asia/Shanghai',
    version: '0.1.0',
    synthetic: true,
    bounds: [110.35, 33.52, 112.02, 35.1],
  },
  tiles: { version: { divisions: 1, grid_cells: 1, sites: 1 }, scope: 'mock' },
  basemap: null,
};

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, {
    'Content-Type': status < 400 ? 'application/json' : 'application/problem+json',
  });
  response.end(JSON.stringify(body));
}

function send(response: ServerResponse, event: string, data: { seq: number; now?: string }): void {
  response.write(`event: ${event}\nid: ${data.seq}\ndata: ${JSON.stringify(data)}\n\n`);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text ? JSON.parse(text) : {};
}
