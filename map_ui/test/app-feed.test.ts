/** The page as a whole, without its elements: what it makes of the feed, of the session and of what cannot be read. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { App } from '../src/app.ts';
import type { FromTab, ToTab } from '../src/feed/protocol.ts';
import type { Session } from '../src/model/documents.ts';

vi.mock('../src/feed/shared-worker.ts?sharedworker&url', () => ({ default: '' }));

const SESSION = {
  user: { id: 1, username: 'li', display_name: 'Li', locale: 'en' },
  grants: [
    { role: 'dispatcher', division_code: '411282000000', division_name: 'Lingbao', organisation_id: null },
  ],
  may: { 'incident.read': true },
  tiles: { version: {}, scope: 'abc' },
  installation: { time_zone: 'Asia/Shanghai' },
} as unknown as Session;

/** What the server answers to a path, last part first. */
let answers: Record<string, () => Response>;
let port: { onmessage: ((event: { data: ToTab }) => void) | null; sent: FromTab[] };
let reload: ReturnType<typeof vi.fn<() => void>>;
let field: { matches(selector: string): boolean } | null;
let told: string[];

const hubSays = (data: ToTab) => port.onmessage?.({ data });
const refusal = (status: number) =>
  new Response(JSON.stringify({ type: 'about:blank', title: 'no', status }), {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
  });

beforeEach(() => {
  vi.useFakeTimers();
  reload = vi.fn<() => void>();
  field = null;
  told = [];
  answers = {
    session: () => Response.json(SESSION),
    'divisions?limit=1000': () => Response.json({ items: [], links: [] }),
  };
  vi.stubGlobal('fetch', async (path: string) => answers[path.split('/').at(-1) ?? '']?.());
  vi.stubGlobal('window', { addEventListener: () => {}, removeEventListener: () => {} });
  vi.stubGlobal('localStorage', { getItem: () => 'en', setItem: () => {} });
  vi.stubGlobal('location', { reload });
  vi.stubGlobal('document', {
    get activeElement() {
      return field;
    },
  });
  vi.stubGlobal(
    'BroadcastChannel',
    class {
      postMessage = (message: string) => told.push(message);
    },
  );
  vi.stubGlobal(
    'SharedWorker',
    class {
      readonly port = (port = Object.assign(
        { onmessage: null, sent: [] as FromTab[] },
        { postMessage: (message: FromTab) => port.sent.push(message), close: () => {} },
      ));
    },
  );
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function started(): Promise<App> {
  const app = new App();
  await app.start();
  hubSays({ type: 'link', link: { kind: 'live' }, offsetMs: 0 });
  return app;
}

const again: ToTab = {
  type: 'snapshot',
  snapshot: { seq: 2, now: '', incidents: [], alarms: [] },
  again: true,
};
const aTick = () => vi.advanceTimersByTimeAsync(1100);

test('a page that is there before its server begins by itself', async () => {
  answers['session'] = () => refusal(503);
  const app = new App();
  await app.start();
  expect(app.startProblem.value).toMatchObject({ status: 503 });
  answers['session'] = () => Response.json(SESSION);
  await vi.advanceTimersByTimeAsync(2000);
  expect(app.session.value).toEqual(SESSION);
});

test('the names of places are read until they are there, and at once when the line is back', async () => {
  let asked = 0;
  answers['divisions?limit=1000'] = () => {
    asked += 1;
    return refusal(503);
  };
  const app = await started();
  await vi.advanceTimersByTimeAsync(2000);
  expect(app.placesProblem.value).not.toBeNull();
  expect(app.startProblem.value).toBeNull();
  const before = asked;
  answers['divisions?limit=1000'] = () =>
    Response.json({ items: [{ code: '411282000000', tier: 2, name: '灵宝市' }], links: [] });
  hubSays({ type: 'link', link: { kind: 'lost', since: 0 }, offsetMs: 0 });
  hubSays({ type: 'link', link: { kind: 'live' }, offsetMs: 0 });
  await vi.advanceTimersByTimeAsync(10);
  expect(app.placesProblem.value).toBeNull();
  expect(app.places.value.get('411282000000')?.name).toBe('灵宝市');
  expect(before).toBeGreaterThan(1);
});

test('grants that changed load the page anew, once nobody is in the middle of writing', async () => {
  const app = await started();
  hubSays(again);
  await aTick();
  expect(reload).not.toHaveBeenCalled();

  answers['session'] = () => Response.json({ ...SESSION, may: { ...SESSION.may, 'incident.close': true } });
  app.draft.set('notes');
  hubSays(again);
  await aTick();
  expect(reload).not.toHaveBeenCalled();
  app.draft.set(null);
  field = { matches: () => true };
  await aTick();
  expect(reload).not.toHaveBeenCalled();
  field = { matches: () => false };
  app.answers.pending.set(new Map([[7, ['acknowledge']]]));
  await aTick();
  expect(reload).not.toHaveBeenCalled();
  app.answers.pending.set(new Map());
  await aTick();
  expect(reload).toHaveBeenCalled();
});

test('grants that changed while the line was away are noticed when it is back', async () => {
  await started();
  answers['session'] = () => Response.json({ ...SESSION, grants: [] });
  hubSays({ type: 'back', since: 0, at: 0 });
  await aTick();
  expect(reload).toHaveBeenCalled();
});

test('who may no longer see incidents gets the page that says whom to ask, and no sign-in page', async () => {
  const app = await started();
  hubSays({ type: 'link', link: { kind: 'not_permitted' }, offsetMs: 0 });
  expect(reload).toHaveBeenCalled();
  expect(app.expired.value).toBe(false);
});

test('signing out of a session that is over already is signing out', async () => {
  const app = await started();
  answers['session'] = () => refusal(401);
  await app.leave();
  expect(port.sent.at(-1)).toEqual({ type: 'stop' });
  expect(told).toEqual(['out']);
  expect(reload).toHaveBeenCalled();
});

test('nobody is signed out when the server cannot be reached, and it is said', async () => {
  const app = await started();
  answers['session'] = () => refusal(503);
  await app.leave();
  expect(app.leaveProblem.value).toMatchObject({ status: 503 });
  expect(reload).not.toHaveBeenCalled();
  expect(told).toEqual([]);
});
