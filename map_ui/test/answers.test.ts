import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Answers } from '../src/answers.ts';

interface Sent {
  path: string;
  body: unknown;
  answer(status: number): void;
}

let sent: Sent[];

beforeEach(() => {
  sent = [];
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    return new Promise<Response>((resolve) => {
      sent.push({
        path,
        body: init.body === undefined ? undefined : JSON.parse(init.body as string),
        answer: (status) =>
          resolve(
            new Response(JSON.stringify({ type: 'about:blank', title: `refused ${status}`, status }), {
              status,
              headers: { 'Content-Type': 'application/problem+json' },
            }),
          ),
      });
    });
  });
});

afterEach(() => vi.unstubAllGlobals());

const answers = () => new Answers(() => undefined);

test('what is pressed while another action is on its way is sent after it, and not lost', async () => {
  const one = answers();
  const acknowledged = one.act(7, 'acknowledge');
  const dispatched = one.act(7, 'dispatch', { text: 'Car 3' });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  expect(one.pending.value.get(7)).toEqual(['acknowledge', 'dispatch']);

  sent[0]?.answer(200);
  expect(await acknowledged).toBe(true);
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[1]).toMatchObject({ path: '/api/v1/incidents/7/dispatch', body: { text: 'Car 3' } });
  expect(one.pending.value.get(7)).toEqual(['dispatch']);

  sent[1]?.answer(200);
  expect(await dispatched).toBe(true);
  expect(one.pending.value.size).toBe(0);
});

test('the same action pressed twice is sent once', async () => {
  const one = answers();
  const first = one.act(7, 'notes', { text: 'She answers' });
  expect(await one.act(7, 'notes', { text: 'She answers' })).toBe(false);
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(200);
  expect(await first).toBe(true);
  expect(sent).toHaveLength(1);
});

test('a refusal is kept to be read, though what waited behind it is taken', async () => {
  const one = answers();
  const acknowledged = one.act(7, 'acknowledge');
  const noted = one.act(7, 'notes', { text: 'She answers' });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(418);
  expect(await acknowledged).toBe(false);
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  sent[1]?.answer(200);
  expect(await noted).toBe(true);
  expect(one.problems.value.get(7)).toContain('refused 418');
});

test('incidents do not wait for one another', async () => {
  const one = answers();
  void one.act(7, 'acknowledge');
  void one.act(8, 'acknowledge');
  await vi.waitFor(() =>
    expect(sent.map((request) => request.path)).toEqual([
      '/api/v1/incidents/7/acknowledge',
      '/api/v1/incidents/8/acknowledge',
    ]),
  );
});
