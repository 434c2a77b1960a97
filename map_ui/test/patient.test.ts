import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PatientRead } from '../src/api/patient.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('is read until it is there, with longer and longer waits', async () => {
  let up = false;
  const read = vi.fn(async () => {
    if (!up) throw new Error('away');
    return 'places';
  });
  const done = vi.fn();
  const failed = vi.fn();
  await new PatientRead(read, done, failed).now();
  expect(failed).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2000 + 4000 + 8000 + 16_000 + 32_000 + 32_000);
  expect(read).toHaveBeenCalledTimes(7);
  up = true;
  await vi.advanceTimersByTimeAsync(32_000);
  expect(done).toHaveBeenCalledExactlyOnceWith('places');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(read).toHaveBeenCalledTimes(8);
});

test('asked for at once it does not wait, and only the last answer counts', async () => {
  const answers: ((value: string) => void)[] = [];
  const done = vi.fn();
  const one = new PatientRead(() => new Promise<string>((resolve) => answers.push(resolve)), done);
  void one.now();
  void one.now();
  answers[1]?.('new');
  await vi.advanceTimersByTimeAsync(0);
  answers[0]?.('old');
  await vi.advanceTimersByTimeAsync(0);
  expect(done).toHaveBeenCalledExactlyOnceWith('new');
});

test('stopped it asks no more', async () => {
  const read = vi.fn(async () => {
    throw new Error('away');
  });
  const one = new PatientRead(read, () => {});
  await one.now();
  one.stop();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(read).toHaveBeenCalledTimes(1);
});
