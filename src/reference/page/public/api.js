/** A refusal by the backend, in its own words. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/**
 * Calls the backend and returns what it answers, or throws an {@link ApiError} that can be shown as it is.
 *
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, token?: string, socketId?: string }} [options]
 */
export async function call(method, path, { body, token, socketId } = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (token) headers['Authorization'] = `Bearer ${token}`;
  // Whoever sends is left out of the delivery: this tab already knows.
  if (socketId) headers['X-Socket-ID'] = socketId;

  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => {
    throw new ApiError(0, 'The backend cannot be reached. Is it running?');
  });
  const answer = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(response.status, reason(response, answer));
  return answer;
}

// Nest says one thing as a string and several as a list; a proxy in between may say nothing at all.
function reason(response, answer) {
  const message = [answer?.message ?? []].flat().join('. ');
  return message || `The backend answered ${response.status} ${response.statusText}.`;
}
