/** The hub between the one line and the tabs: what each tab hears, which one sounds, which change cannot wait. */
import { expect, test, vi } from 'vitest';
import { FeedHub, isUrgent } from '../src/feed/hub.ts';
import type { FromTab, ToTab } from '../src/feed/protocol.ts';
import { fromSnapshot } from '../src/model/live-state.ts';
import { incident } from './documents.ts';
import { server, settle, useFakeServer } from './fake-server.ts';

useFakeServer();

function tab(hub: FeedHub, id: string, canSound = false, answers = true) {
  const heard: ToTab[] = [];
  const say = (message: FromTab) =>
    hub.receive(id, message, (down) => {
      heard.push(down);
      if (down.type === 'ping' && answers) say({ type: 'pong' });
    });
  say({ type: 'hello', canSound });
  const speaks = () => {
    const last = heard.filter((message) => message.type === 'speaker').at(-1);
    return last?.type === 'speaker' && last.you;
  };
  return { heard, say, speaks };
}

test('six tabs share one line, and a late one gets the state as it is', async () => {
  const hub = new FeedHub();
  const tabs = ['a', 'b', 'c', 'd', 'e'].map((id) => tab(hub, id));
  await settle();
  server.stream.opens();
  server.stream.say('change', server.change(7));
  await vi.advanceTimersByTimeAsync(600);
  const late = tab(hub, 'f');
  expect(server.streams).toHaveLength(1);
  expect(server.snapshots).toBe(1);
  for (const { heard } of tabs) expect(heard.some((message) => message.type === 'changes')).toBe(true);
  const snapshot = late.heard.find((message) => message.type === 'snapshot');
  expect(snapshot?.type === 'snapshot' && snapshot.snapshot.incidents.map((held) => held.id)).toEqual([7]);
  hub.stop();
});

test('one tab sounds; when it goes another one that can takes over', async () => {
  const hub = new FeedHub();
  const [silent, first, second] = [tab(hub, 'a'), tab(hub, 'b', true), tab(hub, 'c', true)];
  expect([silent.speaks(), first.speaks(), second.speaks()]).toEqual([false, true, false]);
  first.say({ type: 'bye' });
  expect(second.speaks()).toBe(true);
  second.say({ type: 'sound', canSound: false });
  expect(second.speaks()).toBe(false);
  hub.stop();
});

test('what is silenced in one tab is silent in each', () => {
  const hub = new FeedHub();
  const tabs = [tab(hub, 'sounds', true), tab(hub, 'worked in')];
  tabs[1]?.say({ type: 'silence', ids: [7] });
  for (const { heard } of tabs) expect(heard.at(-1)).toEqual({ type: 'silence', ids: [7] });
  hub.stop();
});

test('a crashed tab does not keep the room silent', async () => {
  const hub = new FeedHub();
  tab(hub, 'crashed', true, false);
  const alive = tab(hub, 'alive', true);
  expect(alive.speaks()).toBe(false);
  await vi.advanceTimersByTimeAsync(20_001);
  expect(alive.speaks()).toBe(true);
  hub.stop();
});

test('a tab that was frozen so long that it was given up is told so, and gets the state as it is', async () => {
  const hub = new FeedHub();
  const frozen = tab(hub, 'frozen', false, false);
  await settle();
  server.stream.opens();
  await vi.advanceTimersByTimeAsync(20_001);
  server.stream.say('change', server.change(7));
  await vi.advanceTimersByTimeAsync(600);
  expect(frozen.heard.some((message) => message.type === 'changes')).toBe(false);
  frozen.say({ type: 'pong' });
  expect(frozen.heard.at(-1)).toEqual({ type: 'hub' });
  frozen.say({ type: 'hello', canSound: false });
  const snapshot = frozen.heard.filter((message) => message.type === 'snapshot').at(-1);
  expect(snapshot?.type === 'snapshot' && snapshot.snapshot.incidents.map((held) => held.id)).toEqual([7]);
  frozen.say({ type: 'pong' });
  expect(frozen.heard.filter((message) => message.type === 'hub')).toHaveLength(1);
  hub.stop();
});

test('a hub whose session is over tells its tabs, and then ends', async () => {
  const ended = vi.fn();
  const hub = new FeedHub(ended);
  const one = tab(hub, 'a');
  await settle();
  server.stream.opens();
  server.signedIn = false;
  ended.mockImplementation(() => {
    expect(one.heard.at(-1)).toMatchObject({ type: 'link', link: { kind: 'signed_out' } });
  });
  server.stream.say('reset', { seq: 1 });
  await settle();
  expect(ended).toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

test('urgent is what is new, new again or graver, and grave', () => {
  const state = fromSnapshot({
    seq: 1,
    now: '',
    incidents: [incident({ id: 1 }), incident({ id: 2, state: 'acknowledged' })],
    alarms: [],
  });
  const urgent = (over: Parameters<typeof incident>[0]) => {
    const document = incident(over);
    return isUrgent({ seq: 2, at: '', kind: 'incident', id: document.id, version: 2, document }, state);
  };
  expect(urgent({ id: 3 })).toBe(true);
  expect(urgent({ id: 3, priority: 4 })).toBe(false);
  expect(urgent({ id: 1, alarm_count: 2 })).toBe(false);
  expect(urgent({ id: 1, priority: 1 })).toBe(true);
  expect(urgent({ id: 2 })).toBe(true);
  expect(urgent({ id: 1, state: 'acknowledged', priority: 1 })).toBe(false);
});
