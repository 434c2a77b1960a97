import { afterEach, describe, expect, test, vi } from 'vitest';
import { PRIORITIES } from '../src/model/documents.ts';
import { Bell } from '../src/sound/bell.ts';
import { ENDED, lengthOf, PATTERNS } from '../src/sound/patterns.ts';
import { Player } from '../src/sound/player.ts';
import { incident } from './documents.ts';

const life = incident({ id: 1, priority: 1 });
const intrusion = incident({ id: 2, priority: 3 });

test('the gravest of what came together sounds', () => {
  expect(new Bell().due([intrusion, life], [], 0)).toBe(1);
});

test('a threat to life repeats until somebody has it; an intrusion sounds once', () => {
  const bell = new Bell();
  expect(bell.due([life, intrusion], [life, intrusion], 0)).toBe(1);
  expect(bell.due([], [life, intrusion], 2)).toBeNull();
  expect(bell.due([], [life, intrusion], 3)).toBe(1);
  expect(bell.due([], [{ ...life, state: 'acknowledged' }, intrusion], 9)).toBeNull();
});

test('silenced is silent, and the next one rings again', () => {
  const bell = new Bell();
  bell.due([life], [life], 0);
  bell.silence(bell.ringing([life]).map((incident) => incident.id));
  expect(bell.due([], [life], 60)).toBeNull();
  expect(bell.ringing([life])).toEqual([]);
  const next = incident({ id: 3, priority: 1 });
  expect(bell.due([next], [life, next], 61)).toBe(1);
  expect(bell.due([], [life, next], 65)).toBe(1);
});

test('what came after the key was pressed, before the other tabs heard of it, rings on', () => {
  const bell = new Bell();
  const next = incident({ id: 3, priority: 1 });
  bell.due([life, next], [life, next], 0);
  bell.silence([life.id]);
  expect(bell.ringing([life, next])).toEqual([next]);
});

test('a threat to life goes on ringing every 3 s however much else arrives', () => {
  const bell = new Bell();
  const rung = [bell.due([life], [life], 0)];
  for (let second = 1; second <= 120; second += 1) {
    const open = [life, incident({ id: 1000 + second, priority: 4 })];
    rung.push(bell.due(second % 2 ? open.slice(1) : [], open, second));
  }
  expect(rung.filter((priority) => priority === 1)).toHaveLength(41);
  expect(rung.filter((priority) => priority === 4).length).toBeGreaterThan(30);
});

test('in a storm nothing sounds over anything else, but what is graver', () => {
  const bell = new Bell();
  const rung: [number, number][] = [];
  for (let tenth = 0; tenth < 100; tenth += 1) {
    const fresh = incident({ id: 1000 + tenth, priority: tenth === 52 ? 2 : 3 });
    const due = bell.due([fresh], [fresh], tenth / 10);
    if (due !== null) rung.push([tenth / 10, due]);
  }
  expect(rung.map(([at]) => at)).toContain(5.2);
  for (const [index, [at, priority]] of rung.entries()) {
    const [lastAt, last] = rung[index - 1] ?? [Number.NEGATIVE_INFINITY, 5 as const];
    if (priority >= last) expect(at - lastAt).toBeGreaterThanOrEqual(lengthOf(PATTERNS[3]));
  }
});

test('what comes while something graver sounds has its turn afterwards', () => {
  const bell = new Bell();
  const shed = incident({ id: 4, priority: 2 });
  expect(bell.due([life], [life], 0)).toBe(1);
  expect(bell.due([shed, intrusion], [life, shed, intrusion], 0.5)).toBeNull();
  expect(bell.due([], [life, shed, intrusion], 1)).toBe(2);
  expect(bell.due([], [life, shed, intrusion], 2)).toBeNull();
  expect(bell.due([], [life, shed, intrusion], 3)).toBe(1);
});

test('a page opened in the middle of an alarm rings for it', () => {
  expect(new Bell().due([], [life], 0)).toBe(1);
});

test('each priority has its own pattern; graver is louder; only the gravest repeats', () => {
  const sounds = PRIORITIES.map((priority) => PATTERNS[priority]);
  const tunes = [...sounds, ENDED].map((pattern) => pattern.tones.map((tone) => tone.hz).join());
  expect(new Set(tunes).size).toBe(6);
  for (let i = 1; i < sounds.length; i += 1) {
    expect(sounds[i - 1]?.volume).toBeGreaterThan(sounds[i]?.volume ?? 1);
  }
  expect(sounds.map((pattern) => pattern.repeat_s !== null)).toEqual([true, false, false, false, false]);
});

describe('the player', () => {
  /** A browser's: it runs only after somebody touched the page, and the browser may take it away again. */
  class FakeContext {
    state: AudioContextState = 'suspended';
    onstatechange: (() => void) | null = null;
    currentTime = 0;
    destination = {};

    constructor() {
      contexts.push(this);
    }

    async resume(): Promise<void> {
      if (touched) this.becomes('running');
    }

    async suspend(): Promise<void> {
      this.becomes('suspended');
    }

    becomes(state: AudioContextState): void {
      this.state = state;
      this.onstatechange?.();
    }

    createGain() {
      const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, setTargetAtTime() {} };
      return { gain, connect: () => undefined };
    }

    createOscillator() {
      const start = (at: number) => started.push(at);
      return { frequency: { value: 0 }, connect: (next: unknown) => next, start, stop: () => undefined };
    }
  }

  let contexts: FakeContext[];
  let started: number[];
  let touched: boolean;

  function player(kept: 'on' | 'off' | null) {
    contexts = [];
    started = [];
    touched = false;
    const storage = new Map<string, string>(kept === null ? [] : [['lianfang.sound', kept]]);
    vi.stubGlobal('AudioContext', FakeContext);
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => storage.get(key) ?? null,
      setItem: (key: string, value: string) => storage.set(key, value),
    });
    const page = new EventTarget();
    const touch = async (type: string, activates = true) => {
      touched ||= activates;
      page.dispatchEvent(new Event(type));
      await Promise.resolve();
    };
    return { one: new Player(page), touch };
  }

  afterEach(() => vi.unstubAllGlobals());

  test('after a reload the first touch that counts turns the sound on again', async () => {
    const { one, touch } = player('on');
    one.enableAgain();
    await touch('keydown', false);
    expect(one.enabled.value).toBe(false);
    await touch('keydown');
    expect(one.enabled.value).toBe(true);
    expect(started).toHaveLength(PATTERNS[5].tones.length);
    await touch('click');
    expect(started).toHaveLength(PATTERNS[5].tones.length);
    expect(contexts).toHaveLength(1);
  });

  test('where the browser lets it, nobody need touch the page', async () => {
    const { one } = player('on');
    touched = true;
    one.enableAgain();
    await vi.waitFor(() => expect(one.enabled.value).toBe(true));
  });

  test.each([null, 'off'] as const)('nobody who had it off (%s) is surprised by it', async (kept) => {
    const { one, touch } = player(kept);
    one.enableAgain();
    await touch('click');
    expect(one.enabled.value).toBe(false);
    expect(contexts).toEqual([]);
  });

  test('turned off it stays off', async () => {
    const { one, touch } = player('on');
    one.enableAgain();
    await touch('click');
    await one.disable();
    expect(one.enabled.value).toBe(false);
    await touch('click');
    expect(one.enabled.value).toBe(false);
  });

  test('a sound that the browser takes away is not said to be on, nor kept for later', async () => {
    const { one, touch } = player('on');
    touched = true;
    await one.enable();
    started = [];
    touched = false;
    contexts[0]?.becomes('suspended');
    expect(one.enabled.value).toBe(false);
    one.play(PATTERNS[1]);
    expect(started).toEqual([]);
    await touch('keydown');
    expect(one.enabled.value).toBe(true);
    one.play(PATTERNS[1]);
    expect(started.slice(-5)).toEqual(PATTERNS[1].tones.map((tone) => tone.at_s));
  });
});
