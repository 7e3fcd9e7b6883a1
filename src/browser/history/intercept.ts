/** The method that an emitter tells its handlers with. */
type Emit = (event: string, ...rest: unknown[]) => unknown;

/**
 * Puts a function before an emitter's own `emit`, and so before all of its handlers, in whatever order they were bound.
 *
 * @param take gets the event, its data, and a function that hands it to the handlers as usual
 * @returns the emitter's own `emit`
 */
export function intercept(
  emitter: { emit: Emit },
  take: (event: string, data: unknown, pass: () => void) => void,
): Emit {
  const emit = emitter.emit.bind(emitter);
  emitter.emit = (event, ...rest) => {
    take(event, rest[0], () => {
      emit(event, ...rest);
    });
    return emitter;
  };
  return emit;
}
