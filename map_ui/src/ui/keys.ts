/** One key, one action, from anywhere but a text field. */
import type { App, Draft } from '../app.ts';
import { fits, RIGHT_OF } from '../model/actions.ts';
import { Hands, isField } from '../typing.ts';

export interface KeyTargets {
  help(): void;
  search(): void;
  map(): void;
  back(): void;
  /** The selection moved: bring its row into view. */
  moved(): void;
}

/** What `?` lists, in its order. */
export const KEY_LIST = [
  ['J / K', 'keys.next'],
  ['Enter', 'keys.open'],
  ['0', 'keys.newest'],
  ['A', 'keys.acknowledge'],
  ['D', 'keys.dispatch'],
  ['N', 'keys.note'],
  ['C', 'keys.close'],
  ['X', 'keys.select'],
  ['Z', 'keys.zoom'],
  ['M', 'keys.map'],
  ['Backspace', 'keys.up'],
  ['S', 'keys.silence'],
  ['R', 'keys.report'],
  ['/', 'keys.search'],
  ['?', 'keys.help'],
  ['Esc', 'keys.back'],
] as const;

export function listenToKeys(app: () => App | undefined, targets: KeyTargets): () => void {
  const hands = new Hands();
  const ended = () => hands.ended();
  const listener = (event: KeyboardEvent) => {
    const running = app();
    // While a word is put together in Chinese, Escape and Enter belong to that word.
    if (!running?.session.value || event.isComposing) return;
    if (event.key === 'Escape') {
      ended();
      targets.back();
      return;
    }
    const withOthers = event.ctrlKey || event.metaKey || event.altKey;
    if (isField(event.composedPath()[0])) {
      if (endsSentence(event)) ended();
      else if (!withOthers) hands.typed(performance.now());
      return;
    }
    if (withOthers || hands.areWriting(performance.now())) return;
    if (press(event.key, running, targets, isControl(event))) event.preventDefault();
  };
  window.addEventListener('keydown', listener);
  // Whoever turns to something else has ended the sentence.
  for (const turned of ['focusin', 'pointerdown'] as const) window.addEventListener(turned, ended);
  return () => {
    window.removeEventListener('keydown', listener);
    for (const turned of ['focusin', 'pointerdown'] as const) window.removeEventListener(turned, ended);
  };
}

/** Ctrl+Enter sends a form; Enter alone does from a field of one line. */
function endsSentence(event: KeyboardEvent): boolean {
  const oneLine = event.composedPath()[0] instanceof HTMLInputElement;
  return event.key === 'Enter' && (oneLine || event.ctrlKey || event.metaKey);
}

/** Enter on a button presses that button. */
function isControl(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return target instanceof Element && target.matches('button, a, input, summary');
}

/** True when the key meant something. */
function press(key: string, app: App, targets: KeyTargets, onControl: boolean): boolean {
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case 'j':
      step(app, 1, targets);
      return true;
    case 'k':
      step(app, -1, targets);
      return true;
    case '0':
      app.openNewest();
      targets.moved();
      return true;
    case 'Enter':
      if (onControl || app.selected.value === null) return false;
      app.open(app.selected.value);
      return true;
    case 'a':
      return acknowledge(app);
    case 'd':
      return draft(app, 'dispatch');
    case 'n':
      return draft(app, 'notes');
    case 'c':
      return draft(app, 'close');
    case 'x':
      return toggleChecked(app, app.selected.value);
    case 'z':
      if (app.selected.value === null) return false;
      app.zoomTo.set({ incident: app.selected.value });
      return true;
    case 'm':
      targets.map();
      return true;
    case 's':
      app.silence();
      return true;
    case 'r':
      if (!app.may('incident.open')) return false;
      app.report();
      return true;
    case '/':
      targets.search();
      return true;
    case '?':
      targets.help();
      return true;
    case 'Backspace': {
      const parent = app.places.value.get(app.focus.value)?.parent_code ?? null;
      app.focus.set(parent);
      app.zoomTo.set({ division: parent });
      return true;
    }
    default:
      return false;
  }
}

function step(app: App, by: 1 | -1, targets: KeyTargets): void {
  const rows = app.shown.value;
  if (rows.length === 0) return;
  const at = rows.findIndex((incident) => incident.id === app.selected.value);
  const to = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  app.select(rows[to]?.id ?? null);
  targets.moved();
}

function acknowledge(app: App): boolean {
  // Of the ticked ones another desk may have taken some meanwhile.
  const ticked = [...app.checked.value].filter((id) => app.incident(id)?.state === 'new');
  if (ticked.length > 0) {
    void app.answers.acknowledgeMany(ticked);
    return true;
  }
  const incident = app.incident(app.selected.value);
  if (!incident || !fits('acknowledge', incident.state) || !app.may(RIGHT_OF.acknowledge)) return false;
  // A report may cover it: nothing is acknowledged unseen.
  if (app.reporting.value && !app.reportWaits.value) app.open(incident.id);
  else void app.answers.act(incident.id, 'acknowledge');
  return true;
}

function draft(app: App, kind: Exclude<Draft, null>): boolean {
  const incident = app.incident(app.selected.value);
  if (!incident || !fits(kind, incident.state) || !app.may(RIGHT_OF[kind])) return false;
  app.write(kind);
  return true;
}

export function toggleChecked(app: App, id: number | null): boolean {
  if (id === null) return false;
  const checked = new Set(app.checked.value);
  if (!checked.delete(id)) checked.add(id);
  app.checked.set(checked);
  app.answers.manyProblem.set(null);
  return true;
}
