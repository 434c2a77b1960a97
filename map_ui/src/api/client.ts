/** Requests to the server this page came from, and its problems as values with plain words. */
import { t } from '../i18n/i18n.ts';

export interface FieldProblem {
  where: string;
  what: string;
  right: string;
}

/** RFC 9457, or what stands for it when the server could not be reached. */
export class Problem extends Error {
  constructor(
    readonly type: string,
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: readonly FieldProblem[] = [],
  ) {
    super(detail || title);
    this.name = 'Problem';
  }
}

/** After this a dispatcher is told, and can press again: a line that is half dead answers nothing for minutes. */
const TIMEOUT_MS = 20_000;

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await answerTo(method, path, 'application/json', body);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

/** What is no document: a picture. */
export async function requestBlob(path: string, type: string): Promise<Blob> {
  return (await answerTo('GET', path, type)).blob();
}

async function answerTo(method: string, path: string, accept: string, body?: unknown): Promise<Response> {
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    headers: { Accept: accept },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    throw new Problem('unreachable', 0, String(cause), '');
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

export async function problemOf(response: Response): Promise<Problem> {
  let body: Partial<Problem> = {};
  if (response.headers.get('Content-Type')?.includes('json')) {
    body = (await response.json()) as Partial<Problem>;
  }
  return new Problem(
    body.type ?? 'about:blank',
    response.status,
    body.title ?? response.statusText,
    body.detail ?? '',
    body.errors ?? [],
  );
}

/** What to tell the person in front of the screen: in their language where we know the type. */
export function explain(problem: unknown): string {
  if (!(problem instanceof Problem)) return problem instanceof Error ? problem.message : String(problem);
  const known = PLAIN_WORDS[problem.type] ?? BY_STATUS[problem.status];
  const fields = problem.errors.map((error) => `${error.where}: ${error.what}. ${error.right}`);
  const said = known ? t(known) : problem.title;
  return [said, ...(fields.length ? fields : [problem.detail])].filter(Boolean).join(' ');
}

const PLAIN_WORDS = {
  unreachable: 'problem.unreachable',
  '/problems/too-many-rows': 'problem.too_many_rows',
  '/problems/took-too-long': 'problem.took_too_long',
  '/problems/busy': 'problem.busy',
  '/problems/wrong-state': 'problem.wrong_state',
  '/problems/changed-meanwhile': 'problem.changed_meanwhile',
} as Record<string, Parameters<typeof t>[0] | undefined>;

const BY_STATUS = {
  401: 'problem.signed_out',
  403: 'problem.not_allowed',
  404: 'problem.not_found',
  429: 'problem.too_many',
  500: 'problem.server',
  502: 'problem.unreachable',
  503: 'problem.unavailable',
} as Record<number, Parameters<typeof t>[0] | undefined>;
