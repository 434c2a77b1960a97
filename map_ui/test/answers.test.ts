import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Answers } from '../src/answers.ts';

interface Sent {
  path: string;
  body: unknown;
  answer(status: number, document?: object): void;
}

let sent: Sent[];

beforeEach(() => {
  sent = [];
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    return new Promise<Response>((resolve) => {
      sent.push({
        path,
        body: init.body === undefined ? undefined : JSON.parse(init.body as string),
        answer: (status, document = { type: 'about:blank', title: `refused ${status}`, status }) =>
          resolve(
            new Response(JSON.stringify(document), {
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

test('another note is not the same press: it is sent after the first', async () => {
  const one = answers();
  const first = one.act(7, 'notes', { text: 'She answers' });
  const second = one.act(7, 'notes', { text: 'Her son is with her' });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(200);
  expect(await first).toBe(true);
  expect(one.isPending(7, 'notes'), 'the second is on its way').toBe(true);
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[1]?.body).toEqual({ text: 'Her son is with her' });
  sent[1]?.answer(200);
  expect(await second).toBe(true);
  expect(one.isPending(7, 'notes')).toBe(false);
});

test('a case that is closed twice with one press is closed once, though the feed moved on between', async () => {
  const one = answers();
  void one.act(7, 'close', { disposition: 'actual', text: '', version: 4 });
  expect(await one.act(7, 'close', { disposition: 'actual', text: '', version: 5 })).toBe(false);
});

test("one's own action is not somebody's change: a close takes its version on", async () => {
  const one = answers();
  void one.act(7, 'acknowledge');
  void one.act(7, 'notes', { text: 'She answers' });
  void one.act(7, 'close', { disposition: 'actual', text: '', version: 4 });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(200, { version: 5 });
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  sent[1]?.answer(200, { version: 6 });
  await vi.waitFor(() => expect(sent).toHaveLength(3));
  expect(sent[2]?.body).toMatchObject({ version: 6 });
});

test('what is pressed after many were acknowledged at once is sent after them, and takes their versions on', async () => {
  const one = answers();
  const many = one.acknowledgeMany([7, 8]);
  void one.act(7, 'close', { disposition: 'actual', text: '', version: 4 });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(200, {
    done: [{ id: 7, version: 5 }],
    refused: [{ id: 8, type: '/problems/wrong-state', detail: 'it is closed' }],
  });
  await many;
  expect(one.manyPending.value).toBe(false);
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[1]?.body).toMatchObject({ version: 5 });
});

test('what somebody else changed before an own action is not closed unseen', async () => {
  const one = answers();
  void one.act(7, 'acknowledge');
  void one.act(7, 'close', { disposition: 'actual', text: '', version: 4 });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(200, { version: 6 });
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[1]?.body).toMatchObject({ version: 4 });
});

test('what was typed is kept until the server took exactly that', async () => {
  const one = answers();
  one.keep(7, 'dispatch', 'Car 3 to the door ');
  const refused = one.act(7, 'dispatch', { text: 'Car 3 to the door' });
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  expect(one.isSending(7, 'dispatch', 'Car 3 to the door')).toBe(true);
  sent[0]?.answer(418);
  expect(await refused).toBe(false);
  one.left(7);
  expect(one.problems.value.get(7), 'a text that was not sent keeps the refusal').toContain('refused 418');

  const taken = one.act(7, 'dispatch', { text: 'Car 3 to the door' });
  one.keep(7, 'dispatch', 'Car 3 to the door, and car 4');
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  sent[1]?.answer(200);
  expect(await taken).toBe(true);
  expect(one.unsent(7).get('dispatch')).toBe('Car 3 to the door, and car 4');

  const all = one.act(7, 'dispatch', { text: 'Car 3 to the door, and car 4' });
  await vi.waitFor(() => expect(sent).toHaveLength(3));
  sent[2]?.answer(200);
  expect(await all).toBe(true);
  expect(one.unsent(7).size).toBe(0);
});

test('a refusal without words is done with when somebody turned away from it', async () => {
  const one = answers();
  const acknowledged = one.act(7, 'acknowledge');
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  sent[0]?.answer(418);
  await acknowledged;
  one.left(7);
  expect(one.problems.value.size).toBe(0);
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
