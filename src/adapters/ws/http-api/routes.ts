import { ApiError, badRequest } from '../../../http/api-error.js';
import { SIGNATURE_PARAMETERS } from '../../../protocol/request-signature.js';
import type { ApiRequest } from './api-request.js';
import { BATCH_BODY_BYTES, EVENT_BODY_BYTES, EVENT_PARAMETERS, postBatch, postEvent } from './publishing.js';
import { getChannel, getChannels, getUsers, terminateConnections } from './queries.js';
import type { RequestTarget } from './request-target.js';

/** One endpoint of the API. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** The path's segments after the app's id; `*` matches any segment. */
  readonly resource: readonly string[];
  /** The query parameters that it accepts, besides those of the signature. */
  readonly parameters: readonly string[];
  /** The most bytes its body can have. */
  readonly bodyBytes: number;
  /**
   * @returns what the answer is as JSON, or its JSON in parts
   * @throws ApiError when the request is refused
   */
  answer(request: ApiRequest): object | Promise<object>;
}

/** For requests without a body; SDKs send `{}` all the same. */
const NO_BODY_BYTES = 1_024;

const ROUTES: readonly Route[] = [
  post('events', EVENT_BODY_BYTES, postEvent, EVENT_PARAMETERS),
  post('batch_events', BATCH_BODY_BYTES, postBatch),
  post('users/*/terminate_connections', NO_BODY_BYTES, terminateConnections),
  get('channels', ['filter_by_prefix', 'info'], getChannels),
  get('channels/*', ['info'], getChannel),
  get('channels/*/users', [], getUsers),
];

/**
 * Finds the route of a request.
 *
 * @throws ApiError 404, or 405 with the method that is allowed
 */
export function findRoute({ resource }: RequestTarget, method: string | undefined): Route {
  const route = ROUTES.find(
    (candidate) =>
      candidate.resource.length === resource.length &&
      candidate.resource.every((segment, index) => segment === '*' || segment === resource[index]),
  );
  if (route === undefined) {
    const known = ROUTES.map((candidate) => candidate.resource.join('/')).join(', ');
    throw new ApiError(404, `Nothing is here; below /apps/<app id>/ there are ${known}`);
  }
  if (route.method === method) return route;
  throw new ApiError(405, `The method must be ${route.method}`, { Allow: route.method });
}

/** @throws ApiError 400 for unknown query parameters: a misspelt one must not be ignored in silence */
export function checkParameters({ parameters, method }: Route, given: RequestTarget['parameters']): void {
  const extraneous = [...given.keys()].filter(
    (name) => !SIGNATURE_PARAMETERS.has(name) && !parameters.includes(name),
  );
  if (extraneous.length === 0) return;
  const hint = method === 'POST' ? '; send them in the JSON body' : '';
  throw badRequest(`The following query parameters are extraneous: ${extraneous.join(', ')}${hint}`);
}

function post(
  resource: string,
  bodyBytes: number,
  answer: Route['answer'],
  parameters: readonly string[] = [],
): Route {
  return { method: 'POST', resource: resource.split('/'), parameters, bodyBytes, answer };
}

function get(resource: string, parameters: readonly string[], answer: Route['answer']): Route {
  return { method: 'GET', resource: resource.split('/'), parameters, bodyBytes: NO_BODY_BYTES, answer };
}
