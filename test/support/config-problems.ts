import { SocketConfigurationError } from 'nestjs-switchboard';

/** The problems a configuration is refused for; none when it is accepted. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SocketConfigurationError) return error.problems;
    throw error;
  }
}
