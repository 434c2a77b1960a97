/**
 * What was begun and is not saved: phones drop pages that are in the background. It stays in this tab, is its user's only,
 * holds no password, and is forgotten when it is saved, at the sign-out, with the tab, or after some hours.
 */
import type { Job, Step } from './app.ts';

const KEY = 'lianfang.install.draft';
const KEPT_MS = 12 * 3_600_000;

export type Fields = Readonly<Record<string, string>>;

export interface Draft {
  user: number;
  at: number;
  step: Step;
  job: Omit<Job, 'setup'>;
  /** By step: what was typed or chosen there, by the names of the fields. */
  forms: Partial<Record<Step, Fields>>;
  /** Writes whose answer never came: they may have been done. */
  unanswered: string[];
}

/** What is kept for this user; null where it is another's, too old, or of another version of this page. */
export function draftOf(text: string | null, user: number, now: number): Draft | null {
  try {
    const kept = JSON.parse(text ?? 'null') as Draft | null;
    if (kept?.user !== user || !(Math.abs(now - kept.at) < KEPT_MS)) return null;
    return kept.job && kept.forms && Array.isArray(kept.unanswered) ? kept : null;
  } catch {
    return null;
  }
}

export function readDraft(user: number): Draft | null {
  const draft = draftOf(sessionStorage.getItem(KEY), user, Date.now());
  if (draft === null) forgetDraft();
  return draft;
}

export function writeDraft(draft: Draft): void {
  sessionStorage.setItem(KEY, JSON.stringify(draft));
}

export function forgetDraft(): void {
  sessionStorage.removeItem(KEY);
}
