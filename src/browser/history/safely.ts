/** Calls code of the page. An error that it throws must not keep anything away from others, and so is thrown alone, later. */
export function safely(run: () => void): void {
  try {
    run();
  } catch (error) {
    setTimeout(() => {
      throw error;
    }, 0);
  }
}
